// Everything that works on rows: embedding, norms, activations, the forms of activations, soft caps.
#include "gpu/device/launch.h"
#include "gpu/kernels/kernels.h"
#include "gpu/kernels/packing.h"

namespace fabula::gpu {

namespace {

constexpr unsigned row_threads = 128;
constexpr int row_warps = row_threads / 32;

FABULA_KERNEL void embed_kernel(Matrix embedding, const int32_t* token, float scale, float* h) {
  const int row = static_cast<int>(block_y()), column = static_cast<int>(block_x() * row_threads + thread_index());
  if (column >= embedding.columns) return;
  h[static_cast<int64_t>(row) * embedding.columns + column] = weight_at(embedding, token[row], column) * scale;
}

// x (width) in shared memory to its norm. All threads.
FABULA_DEVICE inline void normalise(float* x, int width, NormKind kind, float epsilon, const float* weight, const float* bias, float* scratch) {
  if (kind == NormKind::none || !weight) return;
  float mean = 0;
  if (kind == NormKind::layer) {
    float sum = 0;
    for (int i = static_cast<int>(thread_index()); i < width; i += row_threads) sum += x[i];
    mean = block_sum(sum, scratch) / static_cast<float>(width);
  }
  float squares = 0;
  for (int i = static_cast<int>(thread_index()); i < width; i += row_threads) squares = fused(x[i] - mean, x[i] - mean, squares);
  const float scale = 1.0f / square_root(block_sum(squares, scratch) / static_cast<float>(width) + epsilon);
  for (int i = static_cast<int>(thread_index()); i < width; i += row_threads) {
    const float value = (x[i] - mean) * scale * weight[i];
    x[i] = bias ? value + bias[i] : value;
  }
}

FABULA_KERNEL void residual_norm_kernel(NormArgs a) {
  float* const x = reinterpret_cast<float*>(shared_memory());
  const int width = a.out.columns, thread = static_cast<int>(thread_index());
  float* const scratch = x + width;
  const int row = static_cast<int>(block_x()), from = a.rows ? a.rows[row] : row;
  float* const h = a.h + static_cast<int64_t>(from) * width;
  if (a.branch) {
    for (int i = thread; i < width; i += row_threads) x[i] = a.branch[static_cast<int64_t>(from) * width + i];
    // Each thread reads back only what it wrote itself, until the sums inside have synchronised the block.
    normalise(x, width, a.kind, a.epsilon, a.post_weight, nullptr, scratch);
    for (int i = thread; i < width; i += row_threads) h[i] = x[i] = fused(x[i], a.residual_scale, h[i]);
  } else {
    for (int i = thread; i < width; i += row_threads) x[i] = h[i];
  }
  normalise(x, width, a.kind, a.epsilon, a.weight, a.bias, scratch);
  sync_block();
  for (int block = static_cast<int>(warp_index()); block < a.out.stride / 32; block += row_warps) {
    const int column = block * 32 + static_cast<int>(lane_index());
    put_block(a.out, row, block, column < width ? x[column] : 0.0f);
  }
}

FABULA_KERNEL void pack_rows_kernel(const float* values, Rows out) {
  const int block = static_cast<int>(block_x()) * row_warps + static_cast<int>(warp_index()), row = static_cast<int>(block_y());
  if (block >= out.stride / 32) return;
  const int column = block * 32 + static_cast<int>(lane_index());
  put_block(out, row, block, column < out.columns ? values[static_cast<int64_t>(row) * out.columns + column] : 0.0f);
}

FABULA_DEVICE inline float activated(float x, GateKind kind) {
  switch (kind) {
    case GateKind::silu: return x / (1.0f + exponential(-x));
    case GateKind::gelu_tanh: return 0.5f * x * (1.0f + hyperbolic_tangent(0.7978845608028654f * fused(0.044715f * x * x, x, x)));
    case GateKind::gelu_erf: return 0.5f * x * (1.0f + error_function(x * 0.7071067811865476f));
    case GateKind::relu: return x > 0 ? x : 0.0f;
  }
  return x;
}

FABULA_KERNEL void activate_kernel(const float* gate, const float* up, GateKind kind, Rows out) {
  const int block = static_cast<int>(block_x()) * row_warps + static_cast<int>(warp_index()), row = static_cast<int>(block_y());
  if (block >= out.stride / 32) return;
  const int column = block * 32 + static_cast<int>(lane_index());
  float value = 0;
  if (column < out.columns) {
    const int64_t at = static_cast<int64_t>(row) * out.columns + column;
    value = gate ? activated(gate[at], kind) * up[at] : activated(up[at], kind);
  }
  put_block(out, row, block, value);
}

FABULA_KERNEL void finish_logits_kernel(float* logits, int64_t count, float scale, float cap) {
  const int64_t at = static_cast<int64_t>(block_x()) * row_threads + thread_index();
  if (at >= count) return;
  const float value = logits[at] * scale;
  logits[at] = cap != 0 ? cap * hyperbolic_tangent(value / cap) : value;
}

unsigned blocks_of(int64_t count, int64_t each) { return static_cast<unsigned>((count + each - 1) / each); }

}  // namespace

void embed(Device& device, const Matrix& embedding, const int32_t* token, int32_t n, float scale, float* h) {
  launch(device, {.x = blocks_of(embedding.columns, row_threads), .y = static_cast<unsigned>(n), .threads = row_threads}, embed_kernel, embedding,
         token, scale, h);
}

void residual_norm(Device& device, const NormArgs& args) {
  const size_t floats = static_cast<size_t>(args.out.columns) + row_warps;
  launch(device, {.x = static_cast<unsigned>(args.n), .threads = row_threads, .shared_bytes = floats * sizeof(float)}, residual_norm_kernel, args);
}

void pack_rows(Device& device, const float* values, int32_t n, const Rows& out) {
  launch(device, {.x = blocks_of(out.stride / 32, row_warps), .y = static_cast<unsigned>(n), .threads = row_threads}, pack_rows_kernel, values, out);
}

void activate(Device& device, const float* gate, const float* up, int32_t n, GateKind kind, const Rows& out) {
  launch(device, {.x = blocks_of(out.stride / 32, row_warps), .y = static_cast<unsigned>(n), .threads = row_threads}, activate_kernel, gate, up, kind,
         out);
}

void finish_logits(Device& device, float* logits, int64_t count, float scale, float cap) {
  launch(device, {.x = blocks_of(count, row_threads), .threads = row_threads}, finish_logits_kernel, logits, count, scale, cap);
}

}  // namespace fabula::gpu
