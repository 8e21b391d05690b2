// Q4_K and Q6_K. The blocks are ggml's; how the values are found is a least-squares search of the same
// quality: for a number of trial scales the values are rounded, the scale (and minimum) that fits them best
// is solved for, and the trial with the smallest weighted error wins. Large elements weigh more, because they
// move a product more.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/formats/quant_blocks.h"

namespace fabula::formats {

namespace {

int nearest(float value) {
  return static_cast<int>(std::lrintf(value));
}

// x ~ scale * q + offset, q in 0 ... levels, offset <= 0.
struct Affine {
  float scale = 0.0f, offset = 0.0f;
};

double affine_error(const float* x, const float* weight, const int* q, int n, Affine fit) {
  double error = 0.0;
  for (int i = 0; i < n; ++i) {
    const double d = static_cast<double>(fit.scale) * q[i] + fit.offset - x[i];
    error += weight[i] * d * d;
  }
  return error;
}

// The scale and offset that fit given values best; the offset is held at 0 where it would be positive.
bool solve_affine(const float* x, const float* weight, const int* q, int n, Affine& fit) {
  double w = 0, wq = 0, wqq = 0, wx = 0, wqx = 0;
  for (int i = 0; i < n; ++i) {
    w += weight[i];
    wq += weight[i] * q[i];
    wqq += static_cast<double>(weight[i]) * q[i] * q[i];
    wx += static_cast<double>(weight[i]) * x[i];
    wqx += static_cast<double>(weight[i]) * q[i] * x[i];
  }
  const double determinant = w * wqq - wq * wq;
  double scale = 0.0, offset = 1.0;  // all values alike determine only one of the two
  if (determinant > 1e-9 * w * wqq) {
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
  Affine best;
  double best_error = INFINITY;
  int q[32];
  for (int trial = 0; trial <= trials; ++trial) {
    // From one level fewer than the range to two more: clipping the largest element often pays.
    const float inverse =
        (static_cast<float>(levels) - 1.0f + 0.125f * static_cast<float>(trial)) / (high - low);
    for (int i = 0; i < n; ++i) q[i] = std::clamp(nearest(inverse * (x[i] - low)), 0, levels);
    Affine fit;
    if (!solve_affine(x, weight, q, n, fit)) continue;
    for (int i = 0; i < n; ++i) q[i] = std::clamp(nearest((x[i] - fit.offset) / fit.scale), 0, levels);
    const double error = affine_error(x, weight, q, n, fit);
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
  float best = 0.0f;
  double best_gain = 0.0;
  for (int trial = 0; trial <= trials; ++trial) {
    const float inverse =
        -(static_cast<float>(levels) + 0.1f * static_cast<float>(trial - trials / 2)) / extreme;
    double wqx = 0, wqq = 0;
    for (int i = 0; i < n; ++i) {
      const int q = std::clamp(nearest(inverse * x[i]), -levels, levels - 1);
      wqx += static_cast<double>(weight[i]) * q * x[i];
      wqq += static_cast<double>(weight[i]) * q * q;
    }
    // With the best scale wqx / wqq the error falls by wqx^2 / wqq.
    if (wqq > 0.0 && wqx * wqx / wqq > best_gain) {
      best_gain = wqx * wqx / wqq;
      best = static_cast<float>(wqx / wqq);
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

void encode_q4_k(const float* x, std::byte* out) {
  Affine fits[8];
  float most_scale = 0.0f, most_min = 0.0f;
  for (int g = 0; g < 8; ++g) {
    const float* group = x + g * 32;
    float weight[32], squares = 0.0f;
    for (int i = 0; i < 32; ++i) squares += group[i] * group[i];
    const float typical = std::sqrt(squares / 32.0f);
    for (int i = 0; i < 32; ++i) weight[i] = typical + std::fabs(group[i]);
    fits[g] = best_affine(group, weight, 32, 15);
    most_scale = std::max(most_scale, fits[g].scale);
    most_min = std::max(most_min, -fits[g].offset);
  }
  const uint16_t d_bits = f32_to_f16(most_scale / 63.0f), dmin_bits = f32_to_f16(most_min / 63.0f);
  const float d = f16_to_f32(d_bits), dmin = f16_to_f32(dmin_bits);
  int scales[8], mins[8];
  std::memset(out, 0, 144);
  store16(out, d_bits);
  store16(out + 2, dmin_bits);
  for (int g = 0; g < 8; ++g) {
    scales[g] = d > 0.0f ? std::clamp(nearest(fits[g].scale / d), 0, 63) : 0;
    mins[g] = dmin > 0.0f ? std::clamp(nearest(-fits[g].offset / dmin), 0, 63) : 0;
    const float scale = d * static_cast<float>(scales[g]), min = dmin * static_cast<float>(mins[g]);
    for (int i = 0; i < 32 && scale > 0.0f; ++i) {
      const int q = std::clamp(nearest((x[g * 32 + i] + min) / scale), 0, 15);
      out[16 + g / 2 * 32 + i] |= static_cast<std::byte>(q << (g % 2 * 4));
    }
  }
  store_scale_min_k4(scales, mins, out + 4);
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
    const int scale = std::clamp(nearest(fits[g] / d), -128, 127);
    out[192 + g] = static_cast<std::byte>(scale);
    if (scale == 0) continue;
    const int run = g / 2, half = run / 4, quarter = run % 4;
    for (int i = 0; i < 16; ++i) {
      const int q = std::clamp(nearest(x[g * 16 + i] / (d * static_cast<float>(scale))), -32, 31) + 32;
      const int at = g % 2 * 16 + i;
      out[half * 64 + quarter % 2 * 32 + at] |= static_cast<std::byte>((q & 15) << (quarter / 2 * 4));
      out[128 + half * 32 + at] |= static_cast<std::byte>((q >> 4) << (quarter * 2));
    }
  }
}

}  // namespace fabula::formats
