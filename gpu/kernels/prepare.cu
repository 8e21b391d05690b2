// Between the QKV product and attention: norms of heads, rope, the query's scale; keys and values to the cache.
#include "gpu/device/launch.h"
#include "gpu/kernels/kernels.h"
#include "gpu/kernels/kv_head.h"

namespace fabula::gpu {

namespace {

constexpr unsigned prepare_threads = 256;

// Norm of heads [0, heads) at x, each of head_dim values, in shared memory; all heads as one row where !per_head. All threads call it.
FABULA_DEVICE inline void norm_heads(const PrepareArgs& a, float* x, int heads, const float* weight, float* scratch) {
  if (!weight) return;
  const int dim = a.kv.head_dim, lane = static_cast<int>(lane_index());
  if (a.norm_per_head) {
    for (int h = static_cast<int>(warp_index()); h < heads; h += static_cast<int>(warp_count())) {
      float squares = 0;
      for (int i = lane; i < dim; i += 32) squares = fused(x[h * dim + i], x[h * dim + i], squares);
      const float scale = 1.0f / square_root(warp_sum(squares) / static_cast<float>(dim) + a.epsilon);
      for (int i = lane; i < dim; i += 32) x[h * dim + i] *= scale * weight[i];
    }
    return;
  }
  float squares = 0;
  for (int i = static_cast<int>(thread_index()); i < heads * dim; i += prepare_threads) squares = fused(x[i], x[i], squares);
  const float scale = 1.0f / square_root(block_sum(squares, scratch) / static_cast<float>(heads * dim) + a.epsilon);
  for (int i = static_cast<int>(thread_index()); i < heads * dim; i += prepare_threads) x[i] *= scale * weight[i];
}

FABULA_DEVICE inline void rotate(const PrepareArgs& a, float* x, int heads, int token) {
  const float* cos = a.step.rope + (static_cast<int64_t>(token) * a.ropes + a.rope) * 2 * a.rope_half;
  const float* sin = cos + a.rope_half;
  const int half = a.rotary_half;
  for (int at = static_cast<int>(thread_index()); at < heads * half; at += prepare_threads) {
    const int h = at / half, i = at % half;
    float* p = x + h * a.kv.head_dim + (a.interleaved ? 2 * i : i);
    float* q = a.interleaved ? p + 1 : p + half;
    const float first = *p, second = *q;
    *p = first * cos[i] - second * sin[i];
    *q = second * cos[i] + first * sin[i];
  }
}

// One value of K and V each (this lane's dimension of a run of 32) into the slot of its position. All lanes of the warp.
FABULA_DEVICE inline void store(const KvPool& kv, uint8_t* head, int slot, int run, float k, float v) {
  const int dim = run * 32 + static_cast<int>(lane_index());
  const int64_t k_at = static_cast<int64_t>(slot) * kv.padded + dim, v_at = static_cast<int64_t>(dim) * kv_tile + slot;
  uint8_t* const values = head + kv.v_offset;
  if (kv.type == KvType::f32) {
    reinterpret_cast<float*>(head)[k_at] = k;
    reinterpret_cast<float*>(values)[v_at] = v;
  } else if (kv.type == KvType::f16) {
    reinterpret_cast<uint16_t*>(head)[k_at] = float_to_f16(k);
    reinterpret_cast<uint16_t*>(values)[v_at] = float_to_f16(v);
  } else {
    const float pair[2] = {k, v};
    for (int which = 0; which < 2; ++which) {
      const float largest = warp_max(absolute(pair[which]));
      const bool usable = largest > 0x1p-100f;
      float code = round_even(pair[which] * (usable ? 127.0f / largest : 0.0f));
      code = code > 127.0f ? 127.0f : code < -127.0f ? -127.0f : code;
      uint8_t* plane = which == 0 ? head : values;
      plane[which == 0 ? k_at : v_at] = static_cast<uint8_t>(static_cast<int8_t>(code));
      auto* scales = reinterpret_cast<uint16_t*>(plane + static_cast<int64_t>(kv_tile) * kv.padded);
      if (lane_index() == 0) scales[which == 0 ? slot * (kv.padded / 32) + run : run * kv_tile + slot] = float_to_f16(usable ? largest / 127.0f : 0.0f);
    }
  }
}

// A block per token.
FABULA_KERNEL void prepare_kernel(PrepareArgs a) {
  float* const x = reinterpret_cast<float*>(shared_memory());
  const int dim = a.kv.head_dim, padded = a.kv.padded, token = static_cast<int>(block_x()), lane = static_cast<int>(lane_index());
  const int q_width = a.heads * dim, kv_width = a.kv.heads * dim, width = q_width + 2 * kv_width;
  float* const scratch = x + width;
  for (int i = static_cast<int>(thread_index()); i < width; i += prepare_threads) x[i] = a.qkv[static_cast<int64_t>(token) * width + i];
  sync_block();
  norm_heads(a, x, a.heads, a.q_norm, scratch);
  norm_heads(a, x + q_width, a.kv.heads, a.k_norm, scratch);
  sync_block();
  if (a.rope >= 0) rotate(a, x, a.heads + a.kv.heads, token);
  sync_block();
  for (int i = static_cast<int>(thread_index()); i < a.heads * padded; i += prepare_threads) {
    const int h = i / padded, d = i % padded;
    a.q[static_cast<int64_t>(token) * a.heads * padded + i] = d < dim ? x[h * dim + d] * a.scale : 0.0f;
  }
  const int position = a.step.position[token], block = a.step.blocks[a.step.table[token] + position / kv_tile];
  const int runs = padded / 32;
  for (int at = static_cast<int>(warp_index()); at < a.kv.heads * runs; at += static_cast<int>(warp_count())) {
    const int h = at / runs, run = at % runs, d = run * 32 + lane;
    const float* k = x + q_width + h * dim;
    store(a.kv, kv_head(a.kv, block, a.layer, h), position % kv_tile, run, d < dim ? k[d] : 0.0f, d < dim ? k[kv_width + d] : 0.0f);
  }
}

}  // namespace

void prepare_attention(Device& device, const PrepareArgs& args) {
  const size_t floats = static_cast<size_t>(args.heads + 2 * args.kv.heads) * static_cast<size_t>(args.kv.head_dim) + prepare_threads / 32;
  launch(device, {.x = static_cast<unsigned>(args.n), .threads = prepare_threads, .shared_bytes = floats * sizeof(float)}, prepare_kernel, args);
}

}  // namespace fabula::gpu
