// Activations in the form the matrix kernels walk (kernels.h, ActivationTile): for float matrices, for quantised ones, or both.
#pragma once

#include <cstdint>

#include "core/compute/cpu/kernels.h"
#include "core/compute/cpu/panels.h"

namespace fabula::compute::cpu {

// Tokens per chunk of a shard: a multiple of the tiles of every ISA (12, 6, 4).
inline constexpr int64_t token_chunk = 48;

// A view of scratch memory, laid out anew for every phase. Packed tokens lie in tiles; the last tile is as narrow as its tokens.
struct Activations {
  float* values = nullptr;         // (n_tokens, cols) in tiles
  QuantPlane coarse{}, fine{};     // (n_tokens, cols / 4) words and (n_tokens, cols / 32) scales; three negated sums, sums_stride apart
  float* scaled_sums = nullptr;    // (n_tokens, cols / 32)
  int64_t sums_stride = 0;
  int64_t cols = 0, n_tokens = 0;
  bool wants_values = false, wants_quants = false;

  // The same memory for `n` tokens of `columns` columns, read by matrices of these kinds.
  Activations laid_out(int64_t columns, int64_t n, bool for_values, bool for_quants) const;
  // Tokens begin .. begin + n - 1 as a batch of their own (experts).
  Activations slice(int64_t begin, int64_t n) const;

  // Columns k .. k + n - 1 of one token. With quants wanted, k and n are multiples of 32.
  void put(const KernelTable& kernels, int64_t token, int64_t k, const float* x, int64_t n) const;
};

// out[(t - begin) * stride + row] for tokens begin .. end - 1 and the rows of n_panels panels. `begin` is a multiple of token_chunk.
// Never writes beyond the matrix's rows.
void multiply(const KernelTable& kernels, const PackedMatrix& matrix, const Activations& x, int64_t begin, int64_t end,
              int64_t first_panel, int64_t n_panels, float* out, int64_t stride);

}  // namespace fabula::compute::cpu
