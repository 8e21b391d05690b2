// exp, log and sums that give the same bits on every machine: only IEEE +, -, *, / in a fixed order, never
// libm (NUMERICS 1, 2). static: files with the flags of one instruction set include this, and nobody else may get their copies.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fabula::engine {

inline constexpr int sum_lanes = 16;  // NUMERICS 1: virtual lanes of every reduction

// exp(x) for x <= 0, relative error < 2e-7 (Cephes expf, Moshier); below -87, where f32 leaves its normal
// range: 0.
static inline float exp_nonpositive(float x) {
  constexpr float lowest = -87.0f;
  const float clamped = x > lowest ? x : lowest;
  constexpr float to_integer = 12582912.0f;  // 1.5 * 2^23: adding it rounds to nearest even
  const float shifted = clamped * 1.44269504088896341f + to_integer;
  const float n = shifted - to_integer;
  const float r = (clamped - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float mantissa = (p * (r * r) + r) + 1.0f;
  const int32_t exponent = __builtin_bit_cast(int32_t, shifted) - __builtin_bit_cast(int32_t, to_integer);
  const float power = __builtin_bit_cast(float, (exponent + 127) << 23);
  return x > lowest ? mantissa * power : 0.0f;
}

// Natural logarithm of a positive, normal, finite double; relative error about 1e-15. log m = 2 atanh((m - 1)
// / (m + 1)).
static inline double log_positive(double x) {
  uint64_t bits = __builtin_bit_cast(uint64_t, x);
  int64_t exponent = static_cast<int64_t>(bits >> 52) - 1023;
  bits = (bits & 0xfffffffffffffull) | 0x3ff0000000000000ull;
  double m = __builtin_bit_cast(double, bits);  // [1, 2)
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1.0) / (m + 1.0);  // |s| <= 0.1716, s^24 < 1e-18
  const double s2 = s * s;
  double series = 0;
  for (int k = 23; k >= 1; k -= 2) series = series * s2 + 2.0 / k;
  const auto e = static_cast<double>(exponent);
  return e * 6.93147180369123816490e-01 + (series * s + e * 1.90821492927058770002e-10);
}

// Sum of value(i), a float or double, for i in [0, n): element i goes to lane i % 16; the lanes meet in one
// fixed tree.
template <class Value>
static double lane_sum(size_t n, Value value) {
  double lanes[sum_lanes] = {};
  size_t i = 0;
  for (; i + sum_lanes <= n; i += sum_lanes) {
    decltype(value(
        size_t{0})) terms[sum_lanes];  // apart from the sums, so that compilers compute four floats at a time
    for (size_t l = 0; l < sum_lanes; ++l) terms[l] = value(i + l);
    for (size_t l = 0; l < sum_lanes; ++l) lanes[l] += static_cast<double>(terms[l]);
  }
  for (size_t l = 0; i < n; ++i, ++l) lanes[l] += static_cast<double>(value(i));
  for (int width = sum_lanes / 2; width > 0; width /= 2)
    for (int l = 0; l < width; ++l) lanes[l] += lanes[l + width];
  return lanes[0];
}

}  // namespace fabula::engine
