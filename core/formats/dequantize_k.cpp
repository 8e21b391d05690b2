// The K types: 256 elements a block, in groups of 16 or 32 with scales of their own.
#include "core/formats/quant_blocks.h"

namespace fabula::formats {

// 0: 16 x (scale | min << 4); 16: 64 bytes of 2-bit values; 80: f16 d; 82: f16 dmin.
// Each 32 bytes hold 128 elements: bits 0-1 the first 32, bits 2-3 the next, ...
void decode_q2_k(const uint8_t* in, float* out) {
  const float d = load_f16(in + 80), dmin = load_f16(in + 82);
  for (int group = 0; group < 16; ++group) {
    const float scale = d * static_cast<float>(in[group] & 15),
                min = dmin * static_cast<float>(in[group] >> 4);
    const uint8_t* values = in + 16 + group / 8 * 32 + group % 2 * 16;
    const int shift = group / 2 % 4 * 2;
    for (int i = 0; i < 16; ++i) *out++ = scale * static_cast<float>(values[i] >> shift & 3) - min;
  }
}

// 0: 32 bytes of third bits; 32: 64 bytes of 2-bit values as in Q2_K; 96: 16 6-bit scales in 12 bytes; 108:
// f16 d.
void decode_q3_k(const uint8_t* in, float* out) {
  const float d = load_f16(in + 108);
  const uint8_t* packed = in + 96;
  for (int group = 0; group < 16; ++group) {
    const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
    const int high = packed[8 + group % 4] >> (group / 4 * 2) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    const int within = group % 2 * 16, plane = group / 2;
    const uint8_t* values = in + 32 + group / 8 * 32 + within;
    for (int i = 0; i < 16; ++i) {
      const int third = in[within + i] >> plane & 1;  // set: nothing is taken away
      *out++ = scale * static_cast<float>((values[i] >> (plane % 4 * 2) & 3) - (third ? 0 : 4));
    }
  }
}

// 0: f16 d; 2: f16 dmin; 4: scales and minima; 16: 128 bytes, low nibbles one group of 32, high nibbles the
// next.
void decode_q4_k(const uint8_t* in, float* out) {
  const float d = load_f16(in), dmin = load_f16(in + 2);
  for (int group = 0; group < 8; ++group) {
    const ScaleMin packed = scale_min_k4(in + 4, group);
    const float scale = d * static_cast<float>(packed.scale), min = dmin * static_cast<float>(packed.min);
    const uint8_t* values = in + 16 + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) *out++ = scale * static_cast<float>(values[i] >> shift & 15) - min;
  }
}

// As Q4_K, with 32 bytes of fifth bits at 16 (bit g: group g) and the nibbles at 48.
void decode_q5_k(const uint8_t* in, float* out) {
  const float d = load_f16(in), dmin = load_f16(in + 2);
  for (int group = 0; group < 8; ++group) {
    const ScaleMin packed = scale_min_k4(in + 4, group);
    const float scale = d * static_cast<float>(packed.scale), min = dmin * static_cast<float>(packed.min);
    const uint8_t* values = in + 48 + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      const int value = (values[i] >> shift & 15) | (in[16 + i] >> group & 1) << 4;
      *out++ = scale * static_cast<float>(value) - min;
    }
  }
}

// 0: 128 bytes of low nibbles; 128: 64 bytes of high 2 bits; 192: 16 int8 scales; 208: f16 d.
// Each half (128 elements) has four runs of 32: low nibbles of bytes 0-31, of 32-63, then their high nibbles.
void decode_q6_k(const uint8_t* in, float* out) {
  const float d = load_f16(in + 208);
  for (int run = 0; run < 8; ++run) {
    const int half = run / 4, quarter = run % 4;
    const uint8_t* low = in + half * 64 + quarter % 2 * 32;
    const uint8_t* high = in + 128 + half * 32;
    for (int i = 0; i < 32; ++i) {
      const float scale = d * static_cast<float>(static_cast<int8_t>(in[192 + run * 2 + i / 16]));
      const int value = (low[i] >> (quarter / 2 * 4) & 15) | (high[i] >> (quarter * 2) & 3) << 4;
      *out++ = scale * static_cast<float>(value - 32);
    }
  }
}

// 0: f32 d; 4: 256 int8; 260: sums of 16, which nothing here needs.
void decode_q8_k(const uint8_t* in, float* out) {
  float d;
  std::memcpy(&d, in, 4);
  for (int i = 0; i < 256; ++i) out[i] = d * static_cast<float>(static_cast<int8_t>(in[4 + i]));
}

}  // namespace fabula::formats
