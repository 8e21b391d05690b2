// Types whose values are levels of a fixed table (IQ4, FP4), or of very few levels (ternary, 1 and 2 bits).
#include <bit>
#include <cmath>

#include "core/formats/quant_blocks.h"

namespace fabula::formats {

namespace {

constexpr float iq4_levels[16] = {-127.0f, -104.0f, -83.0f, -65.0f, -49.0f, -35.0f, -22.0f, -10.0f,
                                  1.0f,    13.0f,   25.0f,  38.0f,  53.0f,  69.0f,  89.0f,  113.0f};
// FP4 (E2M1), doubled so that they are whole; the scales are halved instead.
constexpr float fp4_levels[16] = {0.0f, 1.0f,  2.0f,  3.0f,  4.0f,  6.0f,  8.0f,  12.0f,
                                  0.0f, -1.0f, -2.0f, -3.0f, -4.0f, -6.0f, -8.0f, -12.0f};

// Low nibbles are the first half, high nibbles the second.
void put_nibbles(float scale, const float* levels, const uint8_t* values, int bytes, float* out) {
  for (int i = 0; i < bytes; ++i) {
    out[i] = scale * levels[values[i] & 15];
    out[i + bytes] = scale * levels[values[i] >> 4];
  }
}

// Half of 2^(e - 127) (OCP MX E8M0); e = 0 and 1 are subnormal after halving.
float half_e8m0(uint8_t e) {
  return std::bit_cast<float>(e < 2 ? 0x00200000u << e : static_cast<uint32_t>(e - 1) << 23);
}

// Half of an unsigned E4M3; the pattern of NaN counts as 0.
float half_ue4m3(uint8_t bits) {
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  if (bits == 0 || bits == 0x7f) return 0.0f;
  const float value = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                    : std::ldexp(1.0f + static_cast<float>(mantissa) / 8.0f, exponent - 7);
  return value * 0.5f;
}

// Five ternary digits a byte, as the fraction byte / 256 in base 3: the digit is the whole part after
// shifting it up.
int ternary_digit(uint8_t byte, int power_of_three) {
  return (static_cast<uint8_t>(byte * power_of_three) * 3) >> 8;
}

constexpr int powers_of_three[5] = {1, 3, 9, 27, 81};

}  // namespace

// 0: f16 d; 2: 16 bytes of nibbles; 32 elements.
void decode_iq4_nl(const uint8_t* in, float* out) {
  put_nibbles(load_f16(in), iq4_levels, in + 2, 16, out);
}

// 0: f16 d; 2: high 2 bits of eight 6-bit scales; 4: their low nibbles; 8: 128 bytes of nibbles, 16 for each
// 32 elements.
void decode_iq4_xs(const uint8_t* in, float* out) {
  const float d = load_f16(in);
  const int high_bits = load16(in + 2);
  for (int group = 0; group < 8; ++group) {
    const int scale = (in[4 + group / 2] >> (group % 2 * 4) & 15) | (high_bits >> (group * 2) & 3) << 4;
    put_nibbles(d * static_cast<float>(scale - 32), iq4_levels, in + 8 + group * 16, 16, out + group * 32);
  }
}

// 0: 32 bytes of 5 x 32 digits; 32: 16 bytes of 5 x 16 digits; 48: 4 bytes of 4 x 4 digits; 52: f16 d.
void decode_tq1_0(const uint8_t* in, float* out) {
  const float d = load_f16(in + 52);
  const auto put = [&](const uint8_t* digits, int bytes, int planes) {
    for (int plane = 0; plane < planes; ++plane)
      for (int i = 0; i < bytes; ++i)
        *out++ = static_cast<float>(ternary_digit(digits[i], powers_of_three[plane]) - 1) * d;
  };
  put(in, 32, 5);
  put(in + 32, 16, 5);
  put(in + 48, 4, 4);
}

// 0: 64 bytes, each 32 hold 128 elements in four planes of 2 bits; 64: f16 d.
void decode_tq2_0(const uint8_t* in, float* out) {
  const float d = load_f16(in + 64);
  for (int half = 0; half < 2; ++half)
    for (int plane = 0; plane < 4; ++plane)
      for (int i = 0; i < 32; ++i)
        *out++ = static_cast<float>((in[half * 32 + i] >> (plane * 2) & 3) - 1) * d;
}

// 0: E8M0 scale; 1: 16 bytes of nibbles; 32 elements.
void decode_mxfp4(const uint8_t* in, float* out) {
  put_nibbles(half_e8m0(in[0]), fp4_levels, in + 1, 16, out);
}

// 0: four E4M3 scales; 4: 8 bytes of nibbles for each 16 elements.
void decode_nvfp4(const uint8_t* in, float* out) {
  for (int group = 0; group < 4; ++group)
    put_nibbles(half_ue4m3(in[group]), fp4_levels, in + 4 + group * 8, 8, out + group * 16);
}

// 0: f16 d; 2: 128 signs, set: +d.
void decode_q1_0(const uint8_t* in, float* out) {
  const float d = load_f16(in);
  for (int i = 0; i < 128; ++i) out[i] = in[2 + i / 8] >> (i % 8) & 1 ? d : -d;
}

// 0: f16 d; 2: 64 x 2 bits, 0 ... 3 meaning -1 ... 2.
void decode_q2_0(const uint8_t* in, float* out) {
  const float d = load_f16(in);
  for (int i = 0; i < 64; ++i) out[i] = static_cast<float>((in[2 + i / 4] >> (i % 4 * 2) & 3) - 1) * d;
}

}  // namespace fabula::formats
