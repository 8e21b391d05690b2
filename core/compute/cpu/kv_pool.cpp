#include "core/compute/cpu/kv_pool.h"

#include <cstring>

#include "core/base/numeric.h"

namespace fabula::compute::cpu {

namespace {
int64_t round_up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }
}  // namespace

KvPool::KvPool(KvType type, int64_t n_layers, int64_t n_kv_heads, int64_t head_dim)
    : type_(type), n_layers_(n_layers), n_heads_(n_kv_heads), head_dim_(head_dim), padded_(round_up(head_dim, 16)) {
  const int64_t size = type == KvType::f32 ? 4 : type == KvType::f16 ? 2 : 1;
  const int64_t scales = type == KvType::q8_0 ? kv_tile * ((head_dim + quant_block - 1) / quant_block) * 2 : 0;
  k_bytes_ = round_up(head_dim * kv_tile * size + scales, 64);
  head_bytes_ = k_bytes_ + round_up(padded_ * kv_tile * size + scales, 64);
  block_bytes_ = head_bytes_ * n_kv_heads * n_layers;
}

int64_t KvPool::block_bytes_of(KvType type, int64_t n_layers, int64_t n_kv_heads, int64_t head_dim) {
  return KvPool(type, n_layers, n_kv_heads, head_dim).block_bytes_;
}

Result<KvPool> KvPool::allocate(KvType type, int64_t n_layers, int64_t n_kv_heads, int64_t head_dim, int64_t n_blocks) {
  KvPool pool(type, n_layers, n_kv_heads, head_dim);
  pool.n_blocks_ = n_blocks;
  FABULA_ASSIGN(pool.memory_, HugeBuffer::allocate(static_cast<size_t>(pool.block_bytes_ * n_blocks), "The KV cache of this context length"));
  return pool;
}

std::span<std::byte> KvPool::block(int64_t index) const {
  return {reinterpret_cast<std::byte*>(memory_.data() + index * block_bytes_), static_cast<size_t>(block_bytes_)};
}

void KvPool::put(const KernelTable& kernels, int64_t block, int64_t layer, int64_t head, int slot, const float* key,
                 const float* value) const {
  uint8_t* const keys = k(block, layer, head);
  uint8_t* const values = v(block, layer, head);
  if (type_ == KvType::f32) {
    for (int64_t d = 0; d < head_dim_; ++d) std::memcpy(keys + (d * kv_tile + slot) * 4, key + d, 4);
    std::memcpy(values + slot * padded_ * 4, value, static_cast<size_t>(padded_) * 4);
  } else if (type_ == KvType::f16) {
    auto* out = reinterpret_cast<uint16_t*>(keys) + slot;
    for (int64_t d0 = 0; d0 < padded_; d0 += 16) {
      uint16_t halves[16];
      kernels.to_f16(key + d0, 16, halves);
      for (int64_t d = d0; d < d0 + 16 && d < head_dim_; ++d) out[d * kv_tile] = halves[d - d0];
    }
    kernels.to_f16(value, padded_, reinterpret_cast<uint16_t*>(values) + slot * padded_);
  } else {
    put_q8_0(kernels, keys, values, slot, key, value);
  }
}

void KvPool::put_q8_0(const KernelTable& kernels, uint8_t* k, uint8_t* v, int slot, const float* key, const float* value) const {
  const int64_t blocks = (head_dim_ + quant_block - 1) / quant_block;
  uint8_t* const k_scales = k + head_dim_ * kv_tile;
  uint8_t* const v_scales = v + padded_ * kv_tile;
  for (int64_t b = 0; b < blocks; ++b) {
    int32_t words[8], negated_sums[3];
    float scale, scaled_sum;
    uint8_t bytes[32];
    const QuantPlane plane{words, &scale, negated_sums};
    kernels.quantize(key + b * 32, 32, 1, 1, plane, {}, &scaled_sum);
    std::memcpy(bytes, words, 32);
    for (int64_t d = b * 32; d < head_dim_ && d < b * 32 + 32; ++d) k[d * kv_tile + slot] = bytes[d - b * 32];
    uint16_t half = f32_to_f16(scale);
    std::memcpy(k_scales + (b * kv_tile + slot) * 2, &half, 2);
    kernels.quantize(value + b * 32, 32, 1, 1, plane, {}, &scaled_sum);
    std::memcpy(bytes, words, 32);
    const int64_t n = padded_ - b * 32 < 32 ? padded_ - b * 32 : 32;
    std::memcpy(v + slot * padded_ + b * 32, bytes, static_cast<size_t>(n));
    half = f32_to_f16(scale);
    std::memcpy(v_scales + (slot * blocks + b) * 2, &half, 2);
  }
}

}  // namespace fabula::compute::cpu
