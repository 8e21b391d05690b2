// Sixteen virtual lanes in plain C++: the reference that every other ISA equals bit for bit.
#pragma once

#include <stdint.h>

namespace {

struct F { float v[16]; };
struct I { int32_t v[16]; };
struct U { uint8_t v[64]; };   // 16 lanes of four bytes
struct X { int8_t v[4]; };     // four int8 of one token, the same for all lanes

constexpr int value_tile = 4, quant_tile = 4, panel_group = 1, decode_panels = 1, attend_rows = 1, attend_vectors = 1;
constexpr int peak_chains = 4;  // independent sums that fill two units of 4-5 cycles latency and fit the registers
constexpr bool offset_in_sum = false;  // dot_offset128 returns the signed product itself

#define FABULA_LANES for (int i = 0; i < 16; ++i)

inline float fma1(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline F zero() { F r; FABULA_LANES r.v[i] = 0; return r; }
inline F set1(float x) { F r; FABULA_LANES r.v[i] = x; return r; }
inline F load(const float* p) { F r; FABULA_LANES r.v[i] = p[i]; return r; }
inline void store(float* p, F a) { FABULA_LANES p[i] = a.v[i]; }
inline F add(F a, F b) { FABULA_LANES a.v[i] += b.v[i]; return a; }
inline F sub(F a, F b) { FABULA_LANES a.v[i] -= b.v[i]; return a; }
inline F mul(F a, F b) { FABULA_LANES a.v[i] *= b.v[i]; return a; }
inline F div(F a, F b) { FABULA_LANES a.v[i] /= b.v[i]; return a; }
inline F fma(F a, F b, F c) { FABULA_LANES a.v[i] = fma1(a.v[i], b.v[i], c.v[i]); return a; }
// As maxps and minps: the second operand where either is NaN.
inline F max(F a, F b) { FABULA_LANES a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i]; return a; }
inline F min(F a, F b) { FABULA_LANES a.v[i] = a.v[i] < b.v[i] ? a.v[i] : b.v[i]; return a; }
inline F abs(F a) { FABULA_LANES a.v[i] = __builtin_fabsf(a.v[i]); return a; }
inline F zero_where_less(F x, F bound, F value) { FABULA_LANES value.v[i] = x.v[i] < bound.v[i] ? 0.0f : value.v[i]; return value; }
inline F negate_where_less(F x, F bound, F value) { FABULA_LANES value.v[i] = x.v[i] < bound.v[i] ? -value.v[i] : value.v[i]; return value; }
inline float sqrt1(float x) { return __builtin_sqrtf(x); }
inline float first(F a) { return a.v[0]; }
inline float reduce_add(F a) {
  for (int s = 8; s; s /= 2) for (int i = 0; i < s; ++i) a.v[i] += a.v[i + s];
  return a.v[0];
}
inline float reduce_max(F a) {
  for (int s = 8; s; s /= 2) for (int i = 0; i < s; ++i) a.v[i] = a.v[i] > a.v[i + s] ? a.v[i] : a.v[i + s];
  return a.v[0];
}
// Bit i: whether lane i is above zero.
inline uint32_t above_zero(F a) {
  uint32_t bits = 0;
  FABULA_LANES bits |= static_cast<uint32_t>(a.v[i] > 0) << i;
  return bits;
}
// Only for whole numbers below 2^22 in size.
inline I to_int(F a) { I r; FABULA_LANES r.v[i] = static_cast<int32_t>(a.v[i]); return r; }
inline F to_float(I a) { F r; FABULA_LANES r.v[i] = static_cast<float>(a.v[i]); return r; }
inline F power_of_two(I n) {  // n in -126 .. 127
  F r;
  FABULA_LANES { const int32_t bits = (n.v[i] + 127) << 23; __builtin_memcpy(&r.v[i], &bits, 4); }
  return r;
}
inline int32_t reduce_add_int(I a) { int32_t s = 0; FABULA_LANES s += a.v[i]; return s; }
inline void store_i8(int8_t* p, I a) { FABULA_LANES p[i] = static_cast<int8_t>(a.v[i]); }

inline float half_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000u) << 16, magnitude = h & 0x7fffu;
  uint32_t bits;
  if (magnitude >= 0x7c00u) {
    bits = 0x7f800000u | (magnitude & 0x3ffu) << 13 | (magnitude > 0x7c00u ? 0x400000u : 0u);
  } else if (magnitude >= 0x400u) {
    bits = (magnitude << 13) + (112u << 23);
  } else {
    const float value = static_cast<float>(magnitude) * 0x1p-24f;
    __builtin_memcpy(&bits, &value, 4);
  }
  bits |= sign;
  float out;
  __builtin_memcpy(&out, &bits, 4);
  return out;
}
inline uint16_t float_to_half(float value) {  // nearest even
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | (bits >> 13 & 0x3ffu));
  if (bits >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (bits < 0x38800000u) {  // subnormal: the adder rounds
    float magnitude;
    __builtin_memcpy(&magnitude, &bits, 4);
    magnitude += 0.5f;  // 2^-1 has its last bit at 2^-24
    __builtin_memcpy(&bits, &magnitude, 4);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000u));
  }
  bits += 0xfffu + (bits >> 13 & 1u) - (112u << 23);
  return static_cast<uint16_t>(sign | bits >> 13);
}
inline F load_f16(const uint8_t* p) {
  F r;
  FABULA_LANES { uint16_t h; __builtin_memcpy(&h, p + 2 * i, 2); r.v[i] = half_to_float(h); }
  return r;
}
inline F load_bf16(const uint8_t* p) {
  F r;
  FABULA_LANES {
    uint16_t h;
    __builtin_memcpy(&h, p + 2 * i, 2);
    const uint32_t bits = static_cast<uint32_t>(h) << 16;
    __builtin_memcpy(&r.v[i], &bits, 4);
  }
  return r;
}
inline F load_i8(const uint8_t* p) { F r; FABULA_LANES r.v[i] = static_cast<float>(static_cast<int8_t>(p[i])); return r; }
inline void store_f16(uint16_t* p, F a) { FABULA_LANES p[i] = float_to_half(a.v[i]); }

inline U load_u8(const uint8_t* p) { U r; __builtin_memcpy(r.v, p, 64); return r; }
inline U low_nibbles(U a) { for (uint8_t& b : a.v) b = b & 15; return a; }
inline U high_nibbles(U a) { for (uint8_t& b : a.v) b = b >> 4; return a; }
// (value << left >> right) & mask in every byte; whole bits of a byte only, so that neighbours do not show.
template <int left, int right, int mask>
inline U bits_of(U a) { for (uint8_t& b : a.v) b = static_cast<uint8_t>(static_cast<uint8_t>(b << left) >> right & mask); return a; }
inline U either(U a, U b) { for (int i = 0; i < 64; ++i) a.v[i] = a.v[i] | b.v[i]; return a; }
inline U look_up(const uint8_t* sixteen, U nibbles) { for (uint8_t& b : nibbles.v) b = sixteen[b]; return nibbles; }
inline F load_u8_as_float(const uint8_t* p) { F r; FABULA_LANES r.v[i] = static_cast<float>(p[i]); return r; }
inline X load_x(const int32_t* p) { X r; __builtin_memcpy(r.v, p, 4); return r; }
inline I zero_int() { I r; FABULA_LANES r.v[i] = 0; return r; }
template <int shift>
inline I shifted_sum(const int32_t* p) { I r; FABULA_LANES r.v[i] = *p * (1 << shift); return r; }
// acc += sum of four products per lane; w at most 127 (dot_small), or w stands for w - 128 (dot_offset128).
inline I dot_small(I acc, U w, X x) {
  FABULA_LANES for (int j = 0; j < 4; ++j) acc.v[i] += w.v[4 * i + j] * x.v[j];
  return acc;
}
inline I dot_offset128(I acc, U w, X x) {
  FABULA_LANES for (int j = 0; j < 4; ++j) acc.v[i] += (w.v[4 * i + j] - 128) * x.v[j];
  return acc;
}
inline void prefetch(const uint8_t*) {}
// The compiler must take `w` for new.
inline void forget(U&) {}

#undef FABULA_LANES

}  // namespace
