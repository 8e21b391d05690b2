// Everything per row that is no matrix product: norms, activations, quantising, softmax. Sixteen virtual lanes, one tree.
#pragma once

#include "core/compute/cpu/kernels.h"

namespace {

using namespace fabula::compute::cpu;

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2, Taylor to degree 7: the first left-out term is below 6e-9.
// Below -87.33 (the last normal result) it is 0; above 88.37 it stays at exp(88.37). NaN stays NaN.
inline F exp16(F x) {
  const F lowest = set1(-87.33654f);
  const F clamped = min(set1(88.37f), max(lowest, x));
  const F magic = set1(12582912.0f);  // 1.5 * 2^23: adding it rounds to whole numbers, to nearest even
  const F n = sub(fma(clamped, set1(1.44269504f), magic), magic);
  F r = fma(n, set1(-0.693359375f), clamped);  // ln 2 in two parts, the first with 9 bits: n * high is exact
  r = fma(n, set1(2.12194440e-4f), r);
  F p = set1(1.0f / 5040);
  p = fma(p, r, set1(1.0f / 720));
  p = fma(p, r, set1(1.0f / 120));
  p = fma(p, r, set1(1.0f / 24));
  p = fma(p, r, set1(1.0f / 6));
  p = fma(p, r, set1(0.5f));
  p = fma(p, r, set1(1.0f));
  p = fma(p, r, set1(1.0f));
  return zero_where_less(x, lowest, mul(p, power_of_two(to_int(n))));
}
inline float exp1(float x) { return first(exp16(set1(x))); }

inline F tanh16(F x) {  // 1 - 2 / (exp(2x) + 1)
  return sub(set1(1.0f), div(set1(2.0f), add(exp16(add(x, x)), set1(1.0f))));
}

// Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7.
inline F erf16(F x) {
  const F size = abs(x);
  const F t = div(set1(1.0f), fma(set1(0.3275911f), size, set1(1.0f)));
  F p = set1(1.061405429f);
  p = fma(p, t, set1(-1.453152027f));
  p = fma(p, t, set1(1.421413741f));
  p = fma(p, t, set1(-0.284496736f));
  p = fma(p, t, set1(0.254829592f));
  const F tail = mul(mul(p, t), exp16(mul(size, sub(zero(), size))));
  return negate_where_less(x, zero(), sub(set1(1.0f), tail));
}

inline F activation16(F x, GateActivation kind) {
  switch (kind) {
    case GateActivation::silu: return div(x, add(set1(1.0f), exp16(sub(zero(), x))));
    case GateActivation::gelu_tanh: {
      const F inner = mul(set1(0.7978845608f), fma(mul(mul(x, x), x), set1(0.044715f), x));  // sqrt(2 / pi) (x + 0.044715 x^3)
      return mul(mul(set1(0.5f), x), add(set1(1.0f), tanh16(inner)));
    }
    case GateActivation::gelu_erf: return mul(mul(set1(0.5f), x), add(set1(1.0f), erf16(mul(x, set1(0.7071067812f)))));
    case GateActivation::relu: return max(x, zero());
  }
  return x;
}

void rms_norm(const float* x, const float* weight, float epsilon, int64_t count, int64_t n, float* out) {
  F squares = zero();
  for (int64_t i = 0; i < n; i += 16) { const F v = load(x + i); squares = fma(v, v, squares); }
  const F scale = set1(1.0f / sqrt1(reduce_add(squares) / static_cast<float>(count) + epsilon));
  for (int64_t i = 0; i < n; i += 16) store(out + i, mul(mul(load(x + i), scale), load(weight + i)));
}

void layer_norm(const float* x, const float* weight, const float* bias, float epsilon, int64_t count, int64_t n, float* out) {
  F total = zero();
  for (int64_t i = 0; i < n; i += 16) total = add(total, load(x + i));
  const float mean = reduce_add(total) / static_cast<float>(count);
  for (int64_t i = 0; i < n; i += 16) store(out + i, sub(load(x + i), set1(mean)));
  for (int64_t i = count; i < n; ++i) out[i] = 0;  // the padding must not enter the variance
  F squares = zero();
  for (int64_t i = 0; i < n; i += 16) { const F v = load(out + i); squares = fma(v, v, squares); }
  const F scale = set1(1.0f / sqrt1(reduce_add(squares) / static_cast<float>(count) + epsilon));
  for (int64_t i = 0; i < n; i += 16) {
    F v = mul(mul(load(out + i), scale), load(weight + i));
    if (bias) v = add(v, load(bias + i));
    store(out + i, v);
  }
}

void add_scaled(float* x, const float* branch, float scale, int64_t n) {
  const F s = set1(scale);
  for (int64_t i = 0; i < n; i += 16) store(x + i, fma(load(branch + i), s, load(x + i)));
}

void activate(float* gate, const float* up, int64_t n, GateActivation kind) {
  for (int64_t i = 0; i < n; i += 16) {
    F v = activation16(load(gate + i), kind);
    if (up) v = mul(v, load(up + i));
    store(gate + i, v);
  }
}

void softcap(float* x, int64_t n, float scale, float cap) {
  const F s = set1(scale), c = set1(cap);
  for (int64_t i = 0; i < n; i += 16) {
    F v = mul(load(x + i), s);
    if (cap != 0) v = mul(c, tanh16(div(v, c)));
    store(x + i, v);
  }
}

// Rounds 16 + 16 values, already in steps of the scale, to nearest even; writes block b of a token, returns the sum of its int8.
inline int32_t put_block(F low, F high, int64_t b, int64_t width, int64_t sums_stride, const QuantPlane& plane) {
  const F magic = set1(12582912.0f), most = set1(127.0f), least = set1(-127.0f);
  const I q_low = to_int(min(most, max(least, sub(add(low, magic), magic))));
  const I q_high = to_int(min(most, max(least, sub(add(high, magic), magic))));
  int8_t bytes[32];
  store_i8(bytes, q_low);
  store_i8(bytes + 16, q_high);
  int32_t words[8];
  __builtin_memcpy(words, bytes, 32);
  for (int g = 0; g < 8; ++g) plane.quants[(b * 8 + g) * width] = words[g];
  const int32_t first_sum = reduce_add_int(q_low), last_sum = reduce_add_int(q_high);
  plane.negated_sums[b * width] = -first_sum - last_sum;
  plane.negated_sums[sums_stride + b * width] = -first_sum;
  plane.negated_sums[2 * sums_stride + b * width] = -last_sum;
  return first_sum + last_sum;
}

// What is left of 16 values once they are rounded to steps of `scale`: exact but for one rounding.
inline F left_over(F x, F inverse, F scale) {
  const F magic = set1(12582912.0f);
  const F q = min(set1(127.0f), max(set1(-127.0f), sub(add(mul(x, inverse), magic), magic)));
  return fma(sub(zero(), q), scale, x);
}

// A block is an outlier's where its largest entry exceeds this many times the root mean square of the values at hand. Measured on
// SmolLM2-135M (NOTES.md): a tenth of the blocks then carry three quarters of the rounding's noise.
constexpr float outlier_ratio = 5.0f;

void quantize(const float* x, int64_t count, int64_t width, int64_t sums_stride, const QuantPlane& coarse, const QuantPlane& fine,
              float* scaled_sums) {
  F squares = zero();
  for (int64_t i = 0; i < count && fine.quants; i += 16) { const F v = load(x + i); squares = fma(v, v, squares); }
  const float usual = outlier_ratio * sqrt1(reduce_add(squares) / static_cast<float>(count));
  for (int64_t b = 0; b < count / quant_block; ++b) {
    const F low = load(x + b * 32), high = load(x + b * 32 + 16);
    const float largest = reduce_max(max(abs(low), abs(high)));
    const bool usable = largest > 0x1p-100f;  // 127 / largest stays finite
    const F inverse = set1(usable ? 127.0f / largest : 0.0f);
    const float scale = usable ? largest / 127.0f : 0.0f;
    const int32_t sum = put_block(mul(low, inverse), mul(high, inverse), b, width, sums_stride, coarse);
    coarse.scales[b * width] = scale;
    scaled_sums[b * width] = scale * static_cast<float>(sum);
    if (!fine.quants) continue;
    fine.scales[b * width] = 0;
    if (!usable || !(largest > usual)) continue;
    const F steps = set1(254.0f / scale);
    const float fine_scale = scale / 254.0f;
    const int32_t fine_sum = put_block(mul(left_over(low, inverse, set1(scale)), steps), mul(left_over(high, inverse, set1(scale)), steps), b,
                                       width, sums_stride, fine);
    fine.scales[b * width] = fine_scale;
    scaled_sums[b * width] = fma1(fine_scale, static_cast<float>(fine_sum), scaled_sums[b * width]);
  }
}

void spread(const float* x, int64_t count, int64_t width, float* out) {
  if (width == 1) { __builtin_memcpy(out, x, static_cast<uint64_t>(count) * 4); return; }
  for (int64_t i = 0; i < count; ++i) out[i * width] = x[i];
}

void to_f16(const float* x, int64_t n, uint16_t* out) {
  for (int64_t i = 0; i < n; i += 16) store_f16(out + i, load(x + i));
}

void merge(float* acc, float* maximum, float* sum, const float* other_acc, float other_maximum, float other_sum, int64_t n) {
  const float infinity = __builtin_inff();
  if (other_maximum == -infinity) return;  // saw nothing
  const float top = *maximum > other_maximum ? *maximum : other_maximum;
  const float keep = *maximum == -infinity ? 0.0f : exp1(*maximum - top), take = exp1(other_maximum - top);
  *maximum = top;
  *sum = fma1(other_sum, take, *sum * keep);
  for (int64_t i = 0; i < n; i += 16) store(acc + i, fma(load(other_acc + i), set1(take), mul(load(acc + i), set1(keep))));
}

void divide(const float* acc, float sum, int64_t n, float* out) {
  const F d = set1(sum);
  for (int64_t i = 0; i < n; i += 16) store(out + i, sum == 0 ? zero() : div(load(acc + i), d));
}

void softmax(float* x, int64_t count, int64_t n) {
  for (int64_t i = count; i < n; ++i) x[i] = -__builtin_inff();
  F top = load(x);
  for (int64_t i = 16; i < n; i += 16) top = max(load(x + i), top);
  const F largest = set1(reduce_max(top));
  F total = zero();
  for (int64_t i = 0; i < n; i += 16) {
    const F e = exp16(sub(load(x + i), largest));
    total = add(total, e);
    store(x + i, e);
  }
  const F sum = set1(reduce_add(total));
  for (int64_t i = 0; i < n; i += 16) store(x + i, div(load(x + i), sum));
}

}  // namespace
