// The paged KV cache: one run of bytes per block, all layers inside, the same layout on every ISA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/result.h"
#include "core/compute/cpu/huge_buffer.h"
#include "core/compute/cpu/kernels.h"

namespace fabula::compute::cpu {

// Per layer and KV head: K as (head_dim, 64), so that lanes are positions; then V as (64, head_dim_padded), so that lanes are
// dimensions. q8_0 adds f16 scales per 32 dimensions of a position behind each.
class KvPool {
 public:
  KvPool() = default;
  static Result<KvPool> allocate(KvType type, int64_t n_layers, int64_t n_kv_heads, int64_t head_dim, int64_t n_blocks);

  static int64_t block_bytes_of(KvType type, int64_t n_layers, int64_t n_kv_heads, int64_t head_dim);

  KvType type() const { return type_; }
  int64_t n_blocks() const { return n_blocks_; }
  int64_t block_bytes() const { return block_bytes_; }
  int64_t head_dim_padded() const { return padded_; }
  uint64_t bytes_per_token() const { return static_cast<uint64_t>(block_bytes_ / kv_tile); }

  uint8_t* k(int64_t block, int64_t layer, int64_t head) const { return at(block, layer, head); }
  uint8_t* v(int64_t block, int64_t layer, int64_t head) const { return at(block, layer, head) + k_bytes_; }
  std::span<std::byte> block(int64_t index) const;

  // Stores one position of one head. key and value: (head_dim) floats, readable and zero up to a multiple of 32.
  void put(const KernelTable& kernels, int64_t block, int64_t layer, int64_t head, int slot, const float* key, const float* value) const;

 private:
  KvPool(KvType type, int64_t n_layers, int64_t n_kv_heads, int64_t head_dim);  // sizes, no memory
  uint8_t* at(int64_t block, int64_t layer, int64_t head) const {
    return memory_.data() + block * block_bytes_ + (layer * n_heads_ + head) * head_bytes_;
  }
  void put_q8_0(const KernelTable& kernels, uint8_t* k, uint8_t* v, int slot, const float* key, const float* value) const;

  HugeBuffer memory_;
  KvType type_ = KvType::f16;
  int64_t n_layers_ = 0, n_heads_ = 0, head_dim_ = 0, padded_ = 0, n_blocks_ = 0;
  int64_t k_bytes_ = 0, head_bytes_ = 0, block_bytes_ = 0;
};

}  // namespace fabula::compute::cpu
