// Sixteen virtual lanes in two ymm registers. With FABULA_AVX_VNNI the integer dots are single instructions.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace {

struct F { __m256 lo, hi; };
struct I { __m256i lo, hi; };
struct U { __m256i lo, hi; };
using X = __m256i;

// Sixteen ymm: a float tile holds 6 tokens x 2 registers + 2 of weights + 1 broadcast. A quantised one 4 x 2 integer sums, its
// float sums are touched once per 32 columns.
constexpr int value_tile = 6, quant_tile = 4, panel_group = 1, decode_panels = 2, attend_rows = 3, attend_vectors = 2;
constexpr int peak_chains = 4;  // times two registers: fills two units of 4 cycles latency; with 12 registers g++ stores them in the loop
#ifdef FABULA_AVX_VNNI
constexpr bool offset_in_sum = true;   // vpdpbusd sees w + 128: the sum starts at -128 * sum(x)
#else
constexpr bool offset_in_sum = false;
#endif

inline F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline F set1(float x) { const __m256 v = _mm256_set1_ps(x); return {v, v}; }
inline F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, F a) { _mm256_storeu_ps(p, a.lo); _mm256_storeu_ps(p + 8, a.hi); }
inline F add(F a, F b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline F sub(F a, F b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline F mul(F a, F b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline F div(F a, F b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
inline F fma(F a, F b, F c) { return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)}; }
inline F max(F a, F b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
inline F min(F a, F b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
inline F abs(F a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
inline F zero_where_less(F x, F bound, F value) {
  return {_mm256_andnot_ps(_mm256_cmp_ps(x.lo, bound.lo, _CMP_LT_OQ), value.lo),
          _mm256_andnot_ps(_mm256_cmp_ps(x.hi, bound.hi, _CMP_LT_OQ), value.hi)};
}
inline F negate_where_less(F x, F bound, F value) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_xor_ps(value.lo, _mm256_and_ps(_mm256_cmp_ps(x.lo, bound.lo, _CMP_LT_OQ), sign)),
          _mm256_xor_ps(value.hi, _mm256_and_ps(_mm256_cmp_ps(x.hi, bound.hi, _CMP_LT_OQ), sign))};
}
inline float fma1(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float sqrt1(float x) { return __builtin_sqrtf(x); }
inline float first(F a) { return _mm256_cvtss_f32(a.lo); }
inline float reduce_add(F a) {
  const __m256 eight = _mm256_add_ps(a.lo, a.hi);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline float reduce_max(F a) {
  const __m256 eight = _mm256_max_ps(a.lo, a.hi);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}
// Bit i: whether lane i is above zero.
inline uint32_t above_zero(F a) {
  const __m256 none = _mm256_setzero_ps();
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a.lo, none, _CMP_GT_OQ)) |
                               _mm256_movemask_ps(_mm256_cmp_ps(a.hi, none, _CMP_GT_OQ)) << 8);
}
inline I to_int(F a) { return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)}; }
inline F to_float(I a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
inline F power_of_two(I n) {
  const __m256i bias = _mm256_set1_epi32(127);
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n.lo, bias), 23)),
          _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n.hi, bias), 23))};
}
inline int32_t reduce_add_int(I a) {
  const __m256i eight = _mm256_add_epi32(a.lo, a.hi);
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
  return _mm_cvtsi128_si32(s);
}
inline void store_i8(int8_t* p, I a) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.lo, a.hi), 0xd8);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}
inline __m128i load_half(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
inline F load_f16(const uint8_t* p) { return {_mm256_cvtph_ps(load_half(p)), _mm256_cvtph_ps(load_half(p + 16))}; }
inline F load_bf16(const uint8_t* p) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_half(p)), 16)),
          _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_half(p + 16)), 16))};
}
inline F load_i8(const uint8_t* p) {
  const __m128i bytes = load_half(p);
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}
inline void store_f16(uint16_t* p, F a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(a.lo, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(a.hi, _MM_FROUND_TO_NEAREST_INT));
}
inline U load_u8(const uint8_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))};
}
inline U low_nibbles(U a) {
  const __m256i mask = _mm256_set1_epi8(15);
  return {_mm256_and_si256(a.lo, mask), _mm256_and_si256(a.hi, mask)};
}
inline U high_nibbles(U a) { return low_nibbles({_mm256_srli_epi16(a.lo, 4), _mm256_srli_epi16(a.hi, 4)}); }
// (value << left >> right) & mask in every byte; whole bits of a byte only, so that neighbours do not show.
template <int left, int right, int mask>
inline U bits_of(U a) {
  const __m256i m = _mm256_set1_epi8(mask);
  return {_mm256_and_si256(_mm256_srli_epi16(_mm256_slli_epi16(a.lo, left), right), m),
          _mm256_and_si256(_mm256_srli_epi16(_mm256_slli_epi16(a.hi, left), right), m)};
}
inline U either(U a, U b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
inline U look_up(const uint8_t* sixteen, U nibbles) {
  const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sixteen)));
  return {_mm256_shuffle_epi8(table, nibbles.lo), _mm256_shuffle_epi8(table, nibbles.hi)};
}
inline F load_u8_as_float(const uint8_t* p) {
  const __m128i bytes = load_half(p);
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)), _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
}
inline X load_x(const int32_t* p) { return _mm256_set1_epi32(*p); }
inline I zero_int() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
template <int shift>
inline I shifted_sum(const int32_t* p) { const __m256i v = _mm256_slli_epi32(_mm256_set1_epi32(*p), shift); return {v, v}; }

#ifdef FABULA_AVX_VNNI
inline I dot_small(I acc, U w, X x) { return {_mm256_dpbusd_avx_epi32(acc.lo, w.lo, x), _mm256_dpbusd_avx_epi32(acc.hi, w.hi, x)}; }
inline I dot_offset128(I acc, U w, X x) { return dot_small(acc, w, x); }
#else
// w <= 127 and |x| <= 127: a pair of products is at most 32258, so vpmaddubsw does not saturate.
inline __m256i dot_half(__m256i acc, __m256i w, __m256i x) {
  return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
}
inline I dot_small(I acc, U w, X x) { return {dot_half(acc.lo, w.lo, x), dot_half(acc.hi, w.hi, x)}; }
// |w| <= 128 as unsigned, its sign moved to x: a pair of products is at most 32512.
inline __m256i signed_dot_half(__m256i acc, __m256i w, __m256i x) {
  const __m256i s = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
  return dot_half(acc, _mm256_abs_epi8(s), _mm256_sign_epi8(x, s));
}
inline I dot_offset128(I acc, U w, X x) { return {signed_dot_half(acc.lo, w.lo, x), signed_dot_half(acc.hi, w.hi, x)}; }
#endif
// Into L1. g++ 12 takes a function that only prefetches for one without effect and drops the calls: hence no _mm_prefetch.
inline void prefetch(const uint8_t* p) { __asm__ volatile("prefetcht0 %0" : : "m"(*p)); }
// The compiler must take `w` for new.
inline void forget(U& w) { __asm__ volatile("" : "+x"(w.lo), "+x"(w.hi)); }

}  // namespace
