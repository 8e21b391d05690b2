// The bodies of row_math.h, for the file of one instruction set that includes this: nothing here has external linkage, else the linker
// might keep the newest set's copy for everyone.
#pragma once

#include "core/engine/exact_math.h"
#include "core/engine/row_math.h"

namespace {

using fabula::engine::RowPeak;
using fabula::engine::sum_lanes;

RowPeak peak(const float* x, size_t n) {
  const float infinity = __builtin_inff();
  float lanes[sum_lanes];
  for (float& lane : lanes) lane = -infinity;
  int bad[sum_lanes] = {};
  size_t i = 0;
  for (; i + sum_lanes <= n; i += sum_lanes)
    for (size_t l = 0; l < sum_lanes; ++l) {
      lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
      bad[l] |= !(x[i + l] < infinity);
    }
  for (size_t l = 0; i < n; ++i, ++l) {
    lanes[l] = x[i] > lanes[l] ? x[i] : lanes[l];
    bad[l] |= !(x[i] < infinity);
  }
  float max = -infinity;
  int any_bad = 0;
  for (size_t l = 0; l < sum_lanes; ++l) {
    max = lanes[l] > max ? lanes[l] : max;
    any_bad |= bad[l];
  }
  return {max, any_bad == 0 && max > -infinity};
}

double exp_sum(const float* x, size_t n, float max) {
  return fabula::engine::lane_sum(n, [x, max](size_t i) { return fabula::engine::exp_nonpositive(x[i] - max); });
}

void column_maxima(const float* x, size_t n, size_t columns, float* maxima) {
  for (size_t c = 0; c < columns; ++c) maxima[c] = x[c];
  for (size_t row = columns; row < n; row += columns) {
    const size_t width = n - row < columns ? n - row : columns;
    for (size_t c = 0; c < width; ++c) maxima[c] = x[row + c] > maxima[c] ? x[row + c] : maxima[c];
  }
}

}  // namespace
