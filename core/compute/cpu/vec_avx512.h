// Sixteen virtual lanes in one zmm register. With FABULA_AVX512_VNNI the integer dots are single instructions.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace {

struct F { __m512 v; };
struct I { __m512i v; };
struct U { __m512i v; };
using X = __m512i;

// Thirty-two zmm. Float: 2 panels x 12 tokens + 2 weights + 1 broadcast = 27; a broadcast feeds two FMAs, so 14 loads serve 24
// of them. Quantised: 2 panels x 6 tokens of integer and of float sums = 24, + 2 weights + 1 broadcast + scales = 29.
constexpr int value_tile = 12, quant_tile = 6, panel_group = 2, decode_panels = 4, attend_rows = 6, attend_vectors = 4;
constexpr int peak_chains = 12;  // independent sums that fill two units of 4-5 cycles latency and fit the registers
#ifdef FABULA_AVX512_VNNI
constexpr bool offset_in_sum = true;   // vpdpbusd sees w + 128: the sum starts at -128 * sum(x)
#else
constexpr bool offset_in_sum = false;
#endif

inline F zero() { return {_mm512_setzero_ps()}; }
inline F set1(float x) { return {_mm512_set1_ps(x)}; }
inline F load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, F a) { _mm512_storeu_ps(p, a.v); }
inline F add(F a, F b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F sub(F a, F b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F mul(F a, F b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F div(F a, F b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F fma(F a, F b, F c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline F max(F a, F b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F min(F a, F b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F abs(F a) { return {_mm512_abs_ps(a.v)}; }
inline F zero_where_less(F x, F bound, F value) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, bound.v, _CMP_NLT_UQ), value.v)};
}
inline F negate_where_less(F x, F bound, F value) {
  const __m512i bits = _mm512_castps_si512(value.v);
  return {_mm512_castsi512_ps(_mm512_mask_xor_epi32(bits, _mm512_cmp_ps_mask(x.v, bound.v, _CMP_LT_OQ), bits,
                                                    _mm512_set1_epi32(INT32_MIN)))};
}
inline float fma1(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline float sqrt1(float x) { return __builtin_sqrtf(x); }
inline float first(F a) { return _mm512_cvtss_f32(a.v); }
inline float reduce_add(F a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
inline float reduce_max(F a) {
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}
// Bit i: whether lane i is above zero.
inline uint32_t above_zero(F a) { return _mm512_cmp_ps_mask(a.v, _mm512_setzero_ps(), _CMP_GT_OQ); }
inline I to_int(F a) { return {_mm512_cvtps_epi32(a.v)}; }
inline F to_float(I a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline F power_of_two(I n) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n.v, _mm512_set1_epi32(127)), 23))};
}
inline int32_t reduce_add_int(I a) { return _mm512_reduce_add_epi32(a.v); }
inline void store_i8(int8_t* p, I a) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v)); }
inline __m256i load_half(const uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline F load_f16(const uint8_t* p) { return {_mm512_cvtph_ps(load_half(p))}; }
inline F load_bf16(const uint8_t* p) { return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(load_half(p)), 16))}; }
inline F load_i8(const uint8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
inline void store_f16(uint16_t* p, F a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_maskz_cvtps_ph(0xffff, a.v, _MM_FROUND_TO_NEAREST_INT));
}
inline U load_u8(const uint8_t* p) { return {_mm512_loadu_si512(p)}; }
inline U low_nibbles(U a) { return {_mm512_and_si512(a.v, _mm512_set1_epi8(15))}; }
inline U high_nibbles(U a) { return {_mm512_and_si512(_mm512_srli_epi16(a.v, 4), _mm512_set1_epi8(15))}; }
// (value << left >> right) & mask in every byte; whole bits of a byte only, so that neighbours do not show.
template <int left, int right, int mask>
inline U bits_of(U a) {
  return {_mm512_and_si512(_mm512_srli_epi16(_mm512_slli_epi16(a.v, left), right), _mm512_set1_epi8(mask))};
}
inline U either(U a, U b) { return {_mm512_or_si512(a.v, b.v)}; }
inline U look_up(const uint8_t* sixteen, U nibbles) {
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(sixteen))), nibbles.v)};
}
inline F load_u8_as_float(const uint8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
inline X load_x(const int32_t* p) { return _mm512_set1_epi32(*p); }
inline I zero_int() { return {_mm512_setzero_si512()}; }
template <int shift>
inline I shifted_sum(const int32_t* p) { return {_mm512_slli_epi32(_mm512_set1_epi32(*p), shift)}; }

#ifdef FABULA_AVX512_VNNI
inline I dot_small(I acc, U w, X x) { return {_mm512_dpbusd_epi32(acc.v, w.v, x)}; }
inline I dot_offset128(I acc, U w, X x) { return dot_small(acc, w, x); }
#else
inline __m512i dot_bytes(__m512i acc, __m512i w, __m512i x) {  // see vec_avx2.h: cannot saturate
  return _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_maddubs_epi16(w, x), _mm512_set1_epi16(1)));
}
inline I dot_small(I acc, U w, X x) { return {dot_bytes(acc.v, w.v, x)}; }
inline I dot_offset128(I acc, U w, X x) {
  const __m512i s = _mm512_xor_si512(w.v, _mm512_set1_epi8(-128));
  const __m512i signed_x = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(s), _mm512_setzero_si512(), x);
  return {dot_bytes(acc.v, _mm512_abs_epi8(s), signed_x)};
}
#endif
// Into L1. g++ 12 takes a function that only prefetches for one without effect and drops the calls: hence no _mm_prefetch.
inline void prefetch(const uint8_t* p) { __asm__ volatile("prefetcht0 %0" : : "m"(*p)); }
// The compiler must take `w` for new.
inline void forget(U& w) { __asm__ volatile("" : "+v"(w.v)); }

}  // namespace
