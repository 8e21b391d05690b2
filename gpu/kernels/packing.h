// Writing activations in the forms that matrices read, one block of 32 columns per warp.
#pragma once

#include "gpu/kernels/pack.h"

namespace fabula::gpu {

// value: this lane's column block * 32 + lane of `row`. All lanes of the warp call it. Rounding of int8 as on the CPU.
FABULA_DEVICE inline void put_block(const Rows& out, int row, int block, float value) {
  const int column = block * 32 + static_cast<int>(lane_index());
  const int64_t at = static_cast<int64_t>(row) * out.stride + column;
  if (out.values) out.values[at] = value;
  if (out.bf16) out.bf16[at] = float_to_bf16(value);
  if (!out.codes) return;
  const float largest = warp_max(absolute(value));
  const bool usable = largest > 0x1p-100f;  // 127 / largest stays finite
  const float inverse = usable ? 127.0f / largest : 0.0f, scale = usable ? largest / 127.0f : 0.0f;
  float rounded = round_even(value * inverse);
  rounded = rounded > 127.0f ? 127.0f : rounded < -127.0f ? -127.0f : rounded;
  const int code = static_cast<int>(rounded), sum = warp_sum(code);
  out.codes[static_cast<int64_t>(row) * out.stride + column / chunk_columns * chunk_columns + code_place(column % chunk_columns)] =
      static_cast<int8_t>(code);
  if (lane_index() != 0) return;
  const int64_t b = static_cast<int64_t>(row) * (out.stride / 32) + block;
  out.scales[b] = scale;
  out.sums[b] = scale * static_cast<float>(sum);
}

}  // namespace fabula::gpu
