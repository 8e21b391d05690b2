// The IQ1, IQ2 and IQ3 types: blocks of 256 elements whose groups of 8 (or 4) are words of a code book.
#include <bit>

#include "core/formats/quant_blocks.h"

namespace fabula::formats {

namespace {

#include "core/formats/iq_grids.inc"

constexpr float iq2_levels[] = {8.0f, 25.0f, 43.0f};
constexpr float iq3_xxs_levels[] = {4.0f, 12.0f, 20.0f, 28.0f, 36.0f, 44.0f, 52.0f, 62.0f};
constexpr float iq3_s_levels[] = {1.0f, 3.0f, 5.0f, 7.0f, 9.0f, 11.0f, 13.0f, 15.0f};
constexpr float iq1_delta = 0.125f;

// Seven signs are stored; the eighth makes the number of minus signs even.
uint32_t even_signs(uint32_t seven) {
  return seven | (static_cast<uint32_t>(std::popcount(seven)) & 1u) << 7;
}

float signed_level(float level, uint32_t signs, int i) {
  return signs >> i & 1u ? -level : level;
}

// 8 elements of an IQ2 word, or 4 of an IQ3 word whose signs begin at bit `first`.
void put_iq2(float scale, uint32_t word, uint32_t signs, float*& out) {
  for (int i = 0; i < 8; ++i) *out++ = signed_level(scale * iq2_levels[word >> (2 * i) & 3], signs, i);
}
void put_iq3(float scale, const float* levels, uint32_t word, uint32_t signs, int first, float*& out) {
  for (int i = 0; i < 4; ++i) *out++ = signed_level(scale * levels[word >> (3 * i) & 7], signs, first + i);
}
void put_iq1(float scale, uint32_t word, float delta, float*& out) {
  for (int i = 0; i < 8; ++i)
    *out++ = scale * (static_cast<float>(static_cast<int>(word >> (2 * i) & 3) - 1) + delta);
}

}  // namespace

// 0: f16 d; for each 32 elements 8 bytes: 4 word indices, then 4 x 7 signs and a 4-bit scale.
void decode_iq2_xxs(const uint8_t* in, float* out) {
  const float d = load_f16(in);
  for (int group = 0; group < 8; ++group) {
    const uint8_t* words = in + 2 + group * 8;
    const uint32_t rest = load32(words + 4);
    const float scale = d * (0.5f + static_cast<float>(rest >> 28)) * 0.25f;
    for (int w = 0; w < 4; ++w)
      put_iq2(scale, iq2_xxs_grid[words[w]], even_signs(rest >> (7 * w) & 127), out);
  }
}

// 0: f16 d; 2: 32 x (9-bit index | 7 signs << 9); 66: 16 4-bit scales.
void decode_iq2_xs(const uint8_t* in, float* out) {
  const float d = load_f16(in);
  for (int w = 0; w < 32; ++w) {
    const uint32_t packed = load16(in + 2 + w * 2);
    const int nibble = in[66 + w / 4] >> (w / 2 % 2 * 4) & 15;
    const float scale = d * (0.5f + static_cast<float>(nibble)) * 0.25f;
    put_iq2(scale, iq2_xs_grid[packed & 511], even_signs(packed >> 9), out);
  }
}

// 0: f16 d; 2: 32 low index bytes; 34: 32 sign bytes; 66: high 2 bits of the indices; 74: 16 4-bit scales.
void decode_iq2_s(const uint8_t* in, float* out) {
  const float d = load_f16(in);
  for (int w = 0; w < 32; ++w) {
    const int high = in[66 + w / 4] >> (w % 4 * 2) & 3;
    const int nibble = in[74 + w / 4] >> (w / 2 % 2 * 4) & 15;
    const float scale = d * (0.5f + static_cast<float>(nibble)) * 0.25f;
    put_iq2(scale, iq2_s_grid[in[2 + w] | high << 8], in[34 + w], out);
  }
}

// 0: f16 d; 2: 64 word indices; 66: for each 32 elements 4 x 7 signs and a 4-bit scale.
void decode_iq3_xxs(const uint8_t* in, float* out) {
  const float d = load_f16(in);
  for (int group = 0; group < 8; ++group) {
    const uint32_t rest = load32(in + 66 + group * 4);
    const float scale = d * (0.5f + static_cast<float>(rest >> 28)) * 0.5f;
    for (int w = 0; w < 8; ++w) {
      const uint32_t signs = even_signs(rest >> (w / 2 * 7) & 127);
      put_iq3(scale, iq3_xxs_levels, iq3_xxs_grid[in[2 + group * 8 + w]], signs, w % 2 * 4, out);
    }
  }
}

// 0: f16 d; 2: 64 low index bytes; 66: 8 bytes of ninth bits; 74: 32 sign bytes; 106: 8 4-bit scales.
void decode_iq3_s(const uint8_t* in, float* out) {
  const float d = load_f16(in);
  for (int w = 0; w < 64; ++w) {
    const int nibble = in[106 + w / 16] >> (w / 8 % 2 * 4) & 15;
    const int ninth = in[66 + w / 8] >> (w % 8) & 1;
    const float scale = d * static_cast<float>(1 + 2 * nibble);
    put_iq3(scale, iq3_s_levels, iq3_s_grid[in[2 + w] | ninth << 8], in[74 + w / 2], w % 2 * 4, out);
  }
}

// 0: f16 d; 2: 32 low index bytes; 34: for each 32 elements 4 x 3 high bits, a 3-bit scale, the sign of the
// shift.
void decode_iq1_s(const uint8_t* in, float* out) {
  const float d = load_f16(in);
  for (int w = 0; w < 32; ++w) {
    const uint32_t packed = load16(in + 34 + w / 4 * 2);
    const uint32_t high = packed >> (w % 4 * 3) & 7;
    const float scale = d * static_cast<float>(2 * (packed >> 12 & 7) + 1);
    put_iq1(scale, iq1_grid[in[2 + w] | high << 8], packed & 0x8000 ? -iq1_delta : iq1_delta, out);
  }
}

// 0: 32 low index bytes; 32: 32 x (3 high bits, sign of the shift); 48: 4 x (four 3-bit scales, 4 bits of the
// f16 d).
void decode_iq1_m(const uint8_t* in, float* out) {
  uint32_t scale_bits = 0;
  for (int i = 0; i < 4; ++i) scale_bits |= static_cast<uint32_t>(load16(in + 48 + i * 2) >> 12) << (i * 4);
  const float d = f16_to_f32(static_cast<uint16_t>(scale_bits));
  for (int w = 0; w < 32; ++w) {
    const int high = in[32 + w / 2] >> (w % 2 * 4) & 15;
    const int three = load16(in + 48 + w / 8 * 2) >> (w / 2 % 4 * 3) & 7;
    const float scale = d * static_cast<float>(2 * three + 1);
    put_iq1(scale, iq1_grid[in[w] | (high & 7) << 8], high & 8 ? -iq1_delta : iq1_delta, out);
  }
}

}  // namespace fabula::formats
