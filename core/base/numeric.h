// Small float formats, scalar. Rounding is to nearest even everywhere (NUMERICS 2).
#pragma once

#include <bit>
#include <cstdint>

namespace fabula {

float f16_to_f32(uint16_t bits);   // exact; subnormals, infinities and NaN kept
uint16_t f32_to_f16(float value);  // nearest even; overflow to infinity; NaN stays NaN

inline float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

inline uint16_t f32_to_bf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 64);  // quiet NaN
  return static_cast<uint16_t>((bits + (0x7fffu + (bits >> 16 & 1))) >> 16);
}

float f8_e4m3_to_f32(uint8_t bits);  // OCP FP8 E4M3FN: no infinity, 0x7f and 0xff are NaN
float f8_e5m2_to_f32(uint8_t bits);

}  // namespace fabula
