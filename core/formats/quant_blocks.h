// Decoders and encoders of single blocks, one for each stored type. Inside core/formats only; quant.h is the
// door. Layouts are ggml's, written down beside each decoder; offsets are in bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/base/numeric.h"

namespace fabula::formats {

// in: one block; out: block_elements floats.
using BlockDecoder = void (*)(const uint8_t* in, float* out);
using BlockEncoder = void (*)(const float* in, std::byte* out);

inline uint16_t load16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] | p[1] << 8);
}
inline uint32_t load32(const uint8_t* p) {
  uint32_t value;
  std::memcpy(&value, p, 4);
  return value;
}
inline float load_f16(const uint8_t* p) {
  return f16_to_f32(load16(p));
}
inline void store16(std::byte* to, uint16_t value) {
  std::memcpy(to, &value, 2);
}

// The 6-bit scales and minima of the eight 32-element groups of Q4_K and Q5_K, packed into 12 bytes.
struct ScaleMin {
  int scale, min;
};
inline ScaleMin scale_min_k4(const uint8_t* packed, int group) {
  if (group < 4) return {packed[group] & 63, packed[group + 4] & 63};
  return {(packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4,
          (packed[group + 4] >> 4) | (packed[group] >> 6) << 4};
}

void decode_q2_k(const uint8_t* in, float* out);
void decode_q3_k(const uint8_t* in, float* out);
void decode_q4_k(const uint8_t* in, float* out);
void decode_q5_k(const uint8_t* in, float* out);
void decode_q6_k(const uint8_t* in, float* out);
void decode_q8_k(const uint8_t* in, float* out);

void decode_iq1_s(const uint8_t* in, float* out);
void decode_iq1_m(const uint8_t* in, float* out);
void decode_iq2_xxs(const uint8_t* in, float* out);
void decode_iq2_xs(const uint8_t* in, float* out);
void decode_iq2_s(const uint8_t* in, float* out);
void decode_iq3_xxs(const uint8_t* in, float* out);
void decode_iq3_s(const uint8_t* in, float* out);

void decode_iq4_nl(const uint8_t* in, float* out);
void decode_iq4_xs(const uint8_t* in, float* out);
void decode_tq1_0(const uint8_t* in, float* out);
void decode_tq2_0(const uint8_t* in, float* out);
void decode_mxfp4(const uint8_t* in, float* out);
void decode_nvfp4(const uint8_t* in, float* out);
void decode_q1_0(const uint8_t* in, float* out);
void decode_q2_0(const uint8_t* in, float* out);

void encode_q4_k(const float* x, std::byte* out);
void encode_q5_k(const float* x, std::byte* out);
void encode_q6_k(const float* x, std::byte* out);

}  // namespace fabula::formats
