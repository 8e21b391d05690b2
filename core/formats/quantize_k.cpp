// Q4_K, Q5_K and Q6_K. The blocks are ggml's; how the values are found is a least-squares search of the same
// quality: for a number of trial scales the values are rounded, the scale (and minimum) that fits them best
// is solved for, and the trial with the smallest weighted error wins. Large elements weigh more, because they
// move a product more.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/formats/quant_blocks.h"

namespace fabula::formats {

namespace {

// To nearest even, as a float: adding 1.5 * 2^23 leaves no room for a fraction. |value| < 2^22. Unlike lrintf
// it vectorises.
float nearest(float value) {
  constexpr float no_fraction = 12582912.0f;
  return (value + no_fraction) - no_fraction;
}

float nearest_within(float value, float low, float high) {
  return std::min(std::max(nearest(value), low), high);
}

int to_int(float whole, int low, int high) {
  return std::clamp(static_cast<int>(whole), low, high);
}

// Sums over a group run in 8 lanes that are added at the end, so that the compiler may use vectors.
constexpr int lanes = 8;
struct Sum {
  float lane[lanes] = {};
  float total() const {
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
  }
};

// x ~ scale * q + offset, q in 0 ... levels, offset <= 0.
struct Affine {
  float scale = 0.0f, offset = 0.0f;
};

float affine_error(const float* x, const float* weight, const float* q, int n, Affine fit) {
  Sum error;
  for (int i = 0; i < n; i += lanes)
    for (int l = 0; l < lanes; ++l) {
      const float d = fit.scale * q[i + l] + fit.offset - x[i + l];
      error.lane[l] += weight[i + l] * d * d;
    }
  return error.total();
}

// The scale and offset that fit given values best; the offset is held at 0 where it would be positive.
bool solve_affine(const float* x, const float* weight, const float* q, int n, Affine& fit) {
  Sum w_sum, wq_sum, wqq_sum, wx_sum, wqx_sum;
  for (int i = 0; i < n; i += lanes)
    for (int l = 0; l < lanes; ++l) {
      const float w = weight[i + l], v = q[i + l], wv = w * v;
      w_sum.lane[l] += w;
      wq_sum.lane[l] += wv;
      wqq_sum.lane[l] += wv * v;
      wx_sum.lane[l] += w * x[i + l];
      wqx_sum.lane[l] += wv * x[i + l];
    }
  const double w = w_sum.total(), wq = wq_sum.total(), wqq = wqq_sum.total(), wx = wx_sum.total(),
               wqx = wqx_sum.total();
  const double determinant = w * wqq - wq * wq;
  double scale = 0.0, offset = 1.0;  // all values alike determine only one of the two
  if (determinant > 1e-6 * w * wqq) {
    scale = (w * wqx - wq * wx) / determinant;
    offset = (wqq * wx - wq * wqx) / determinant;
  }
  if (offset > 0.0) {
    offset = 0.0;
    scale = wqq > 0.0 ? wqx / wqq : 0.0;
  }
  if (!(scale > 0.0)) return false;
  fit = {static_cast<float>(scale), static_cast<float>(offset)};
  return true;
}

Affine best_affine(const float* x, const float* weight, int n, int levels) {
  constexpr int trials = 24;
  const float low = std::min(0.0f, *std::min_element(x, x + n));
  const float high = *std::max_element(x, x + n);
  if (!(high > low)) return {0.0f, low};
  const auto most = static_cast<float>(levels);
  Affine best;
  float best_error = INFINITY;
  float q[32];
  for (int trial = 0; trial <= trials; ++trial) {
    // From one level fewer than the range to two more: clipping the largest element often pays.
    const float inverse = (most - 1.0f + 0.125f * static_cast<float>(trial)) / (high - low);
    for (int i = 0; i < n; ++i) q[i] = nearest_within(inverse * (x[i] - low), 0.0f, most);
    Affine fit;
    if (!solve_affine(x, weight, q, n, fit)) continue;
    const float refit = 1.0f / fit.scale;
    for (int i = 0; i < n; ++i) q[i] = nearest_within((x[i] - fit.offset) * refit, 0.0f, most);
    const float error = affine_error(x, weight, q, n, fit);
    if (error < best_error) {
      best_error = error;
      best = fit;
    }
  }
  return best;
}

// x ~ scale * q, q in -levels ... levels - 1; the extreme element takes -levels.
float best_linear(const float* x, const float* weight, int n, int levels) {
  float extreme = 0.0f;
  for (int i = 0; i < n; ++i)
    if (std::fabs(x[i]) > std::fabs(extreme)) extreme = x[i];
  if (std::fabs(extreme) < 1e-15f) return 0.0f;
  constexpr int trials = 18;
  const auto most = static_cast<float>(levels);
  float best = 0.0f, best_gain = 0.0f;
  for (int trial = 0; trial <= trials; ++trial) {
    const float inverse = -(most + 0.1f * static_cast<float>(trial - trials / 2)) / extreme;
    Sum wqx_sum, wqq_sum;
    for (int i = 0; i < n; i += lanes)
      for (int l = 0; l < lanes; ++l) {
        const float q = nearest_within(inverse * x[i + l], -most, most - 1.0f);
        wqx_sum.lane[l] += weight[i + l] * q * x[i + l];
        wqq_sum.lane[l] += weight[i + l] * q * q;
      }
    // With the best scale wqx / wqq the error falls by wqx^2 / wqq.
    const float wqx = wqx_sum.total(), wqq = wqq_sum.total();
    if (wqq > 0.0f && wqx * wqx / wqq > best_gain) {
      best_gain = wqx * wqx / wqq;
      best = wqx / wqq;
    }
  }
  return best;
}

void store_scale_min_k4(const int* scales, const int* mins, std::byte* out) {
  for (int g = 0; g < 4; ++g) {
    out[g] = static_cast<std::byte>(scales[g] | (scales[g + 4] >> 4) << 6);
    out[g + 4] = static_cast<std::byte>(mins[g] | (mins[g + 4] >> 4) << 6);
    out[g + 8] = static_cast<std::byte>((scales[g + 4] & 15) | (mins[g + 4] & 15) << 4);
  }
}

}  // namespace

namespace {

// What Q4_K and Q5_K share: d, dmin, the packed scales and minima, and the value of each element in 0 ...
// levels.
struct AffineBlock {
  int q[256] = {};
};

AffineBlock encode_affine(const float* x, int levels, std::byte* out) {
  Affine fits[8];
  float most_scale = 0.0f, most_min = 0.0f;
  for (int g = 0; g < 8; ++g) {
    const float* group = x + g * 32;
    float weight[32], squares = 0.0f;
    for (int i = 0; i < 32; ++i) squares += group[i] * group[i];
    const float typical = std::sqrt(squares / 32.0f);
    for (int i = 0; i < 32; ++i) weight[i] = typical + std::fabs(group[i]);
    fits[g] = best_affine(group, weight, 32, levels);
    most_scale = std::max(most_scale, fits[g].scale);
    most_min = std::max(most_min, -fits[g].offset);
  }
  const uint16_t d_bits = f32_to_f16(most_scale / 63.0f), dmin_bits = f32_to_f16(most_min / 63.0f);
  const float d = f16_to_f32(d_bits), dmin = f16_to_f32(dmin_bits);
  int scales[8], mins[8];
  store16(out, d_bits);
  store16(out + 2, dmin_bits);
  AffineBlock block;
  for (int g = 0; g < 8; ++g) {
    scales[g] = d > 0.0f ? to_int(nearest(fits[g].scale / d), 0, 63) : 0;
    mins[g] = dmin > 0.0f ? to_int(nearest(-fits[g].offset / dmin), 0, 63) : 0;
    const float scale = d * static_cast<float>(scales[g]), min = dmin * static_cast<float>(mins[g]);
    const auto most = static_cast<float>(levels);
    for (int i = 0; i < 32 && scale > 0.0f; ++i)
      block.q[g * 32 + i] = to_int(nearest_within((x[g * 32 + i] + min) / scale, 0.0f, most), 0, levels);
  }
  store_scale_min_k4(scales, mins, out + 4);
  return block;
}

void store_nibbles(const AffineBlock& block, std::byte* out) {
  for (int k = 0; k < 256; ++k)
    out[k / 64 * 32 + k % 32] |= static_cast<std::byte>((block.q[k] & 15) << (k / 32 % 2 * 4));
}

}  // namespace

void encode_q4_k(const float* x, std::byte* out) {
  std::memset(out, 0, 144);
  store_nibbles(encode_affine(x, 15, out), out + 16);
}

void encode_q5_k(const float* x, std::byte* out) {
  std::memset(out, 0, 176);
  const AffineBlock block = encode_affine(x, 31, out);
  for (int k = 0; k < 256; ++k) out[16 + k % 32] |= static_cast<std::byte>((block.q[k] >> 4) << (k / 32));
  store_nibbles(block, out + 48);
}

void encode_q6_k(const float* x, std::byte* out) {
  float fits[16], extreme = 0.0f;
  for (int g = 0; g < 16; ++g) {
    float weight[16];
    for (int i = 0; i < 16; ++i) weight[i] = x[g * 16 + i] * x[g * 16 + i];
    fits[g] = best_linear(x + g * 16, weight, 16, 32);
    if (std::fabs(fits[g]) > std::fabs(extreme)) extreme = fits[g];
  }
  std::memset(out, 0, 210);
  const uint16_t d_bits = f32_to_f16(extreme / -128.0f);
  const float d = f16_to_f32(d_bits);
  store16(out + 208, d_bits);
  if (d == 0.0f || !std::isfinite(d)) return;
  for (int g = 0; g < 16; ++g) {
    const int scale = to_int(nearest(fits[g] / d), -128, 127);
    out[192 + g] = static_cast<std::byte>(scale);
    if (scale == 0) continue;
    const int run = g / 2, half = run / 4, quarter = run % 4;
    for (int i = 0; i < 16; ++i) {
      const int q =
          to_int(nearest_within(x[g * 16 + i] / (d * static_cast<float>(scale)), -32.0f, 31.0f), -32, 31) +
          32;
      const int at = g % 2 * 16 + i;
      out[half * 64 + quarter % 2 * 32 + at] |= static_cast<std::byte>((q & 15) << (quarter / 2 * 4));
      out[128 + half * 32 + at] |= static_cast<std::byte>((q >> 4) << (quarter * 2));
    }
  }
}

}  // namespace fabula::formats
