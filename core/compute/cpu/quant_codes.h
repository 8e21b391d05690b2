// ggml's block types taken apart: 32 columns of a row as codes (what the integer dot multiplies) and their scales.
// Layouts: ggml-common.h and ggml-quants.c (dequantize_row_*).
#pragma once

#include <cstdint>

#include "core/compute/cpu/kernels.h"

namespace fabula::compute::cpu {

struct BlockCodes {
  uint32_t code[8];        // byte k % 4 of word k / 4 is column k. q8_0: value + 128; code books: the index; else as stored
  uint16_t d, m;           // f16 (mxfp4: bf16) scale of the block or its 256; f16 minimum, or dmin
  uint8_t scale, minimum;  // 6-bit, of the K-types; signed ones as their byte
  uint8_t last_scale;      // q6_k: of columns 16-31
};

// Block `b` (32 columns) of a row as stored. type is a quantised one.
BlockCodes read_block_codes(PanelType type, const uint8_t* row, int64_t b);

// value of column k = factor * code_value + offset, as the kernels see it.
float code_value(PanelType type, uint8_t code);

}  // namespace fabula::compute::cpu
