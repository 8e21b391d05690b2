// The vendor's matrix products beside ours: what cuBLASLt takes for products of the same sizes, where the system has that library. It is
// opened when asked for and never needed. For `bench` alone.
#pragma once

#include <cstdint>
#include <span>

#include "core/base/result.h"

namespace fabula::gpu {

struct ProductSize {
  int64_t rows = 0, columns = 0, tokens = 0;  // weights (rows, columns) times activations (tokens, columns), all bf16, sums in f32
};

// Seconds for one of each, the best of a few. Errors: no_device, not_found (no cuBLASLt), out_of_memory, unsupported (it has no way to
// multiply these).
Result<double> vendor_product_seconds(int device, std::span<const ProductSize> sizes);

}  // namespace fabula::gpu
