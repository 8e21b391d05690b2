// Scalar conversion between stored types and float: the reference that every kernel is tested against.
// Block layouts: ggml's (docs of ggml-common.h); f8: OCP FP8; bit-exact with ggml's dequantize_row_*.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/formats/dtype.h"

namespace fabula::formats {

bool can_dequantize(DType type);  // all but the integer and bool types
bool can_quantize(DType type);    // the types Fabula writes

// source: row_bytes(type, n) bytes; out: (n) floats; n a multiple of the block. No alignment is asked of
// source.
void dequantize(DType type, const std::byte* source, float* out, int64_t n);

// The inverse, nearest even, ggml's reference rounding for the *_0, *_1 types. can_quantize(type).
void quantize(DType type, const float* source, std::byte* out, int64_t n);

}  // namespace fabula::formats
