// The kernels as the executor sees them: each call launches in the order of the device's stream.
#pragma once

#include "gpu/device/runtime.h"
#include "gpu/kernels/types.h"

namespace fabula::gpu {

// Whole tiles of a matrix from stored rows. matrix: its planes are written to.
struct PackArgs {
  Matrix matrix;
  const uint8_t* stored = nullptr;  // (rows from first_row, row_bytes)
  int64_t row_bytes = 0;
  int32_t first_row = 0, n_tiles = 0;
};
void pack(Device& device, const PackArgs& args);
void unpack(Device& device, const Matrix& matrix, float* out);  // out: (rows, columns)

void linear(Device& device, const LinearArgs& args);

// h (n, hidden) = embedding rows of the step's tokens, times scale.
void embed(Device& device, const Matrix& embedding, const int32_t* token, int32_t n, float scale, float* h);

// Rows r of `out`, from rows rows[r] of h (all: rows null): h += residual_scale * post_norm(branch) where branch is not null, then
// out = norm(h) in all its forms.
struct NormArgs {
  float* h = nullptr;             // (tokens, hidden)
  const float* branch = nullptr;  // (tokens, hidden)
  const float *post_weight = nullptr, *weight = nullptr, *bias = nullptr;
  NormKind kind = NormKind::rms;
  float epsilon = 0, residual_scale = 1;
  const int32_t* rows = nullptr;
  int32_t n = 0;
  Rows out;
};
void residual_norm(Device& device, const NormArgs& args);

// Norms and turns queries and keys, scales queries, stores keys and values.
struct PrepareArgs {
  KvPool kv;
  StepTables step;
  const float* qkv = nullptr;     // (n, (heads + 2 kv.heads) * head_dim)
  float* q = nullptr;             // (n, heads, padded)
  const float *q_norm = nullptr, *k_norm = nullptr;
  int32_t n = 0, layer = 0, heads = 0;
  bool norm_per_head = true, interleaved = false;
  int32_t rope = -1, rotary_half = 0, rope_half = 0, ropes = 1;  // half of this rope's dimensions; of the widest's; ropes of the table
  float epsilon = 0, scale = 1;
};
void prepare_attention(Device& device, const PrepareArgs& args);

inline constexpr int kv_tile = 64;           // positions of a KV block, and of one warp's tile
inline constexpr int split_tiles = 8;        // tiles of a split: 512 positions (NUMERICS 5)
// args.splits > 1: followed by a kernel that folds the splits; then the step has one token a sequence, or the layer no window.
void attend(Device& device, const AttentionArgs& args);
size_t attend_shared_bytes(int item_width, int padded);

// out's forms of values (n, columns).
void pack_rows(Device& device, const float* values, int32_t n, const Rows& out);

// out = activation(gate) * up, or activation(up) where gate is null.
enum class GateKind : int32_t { silu, gelu_tanh, gelu_erf, relu };
void activate(Device& device, const float* gate, const float* up, int32_t n, GateKind kind, const Rows& out);

// logits * scale, soft-capped where cap is not 0.
void finish_logits(Device& device, float* logits, int64_t count, float scale, float cap);

// Softmax over the router's rows, the largest `chosen` (ties to the lowest id), groups of routing.width pairs by expert.
void route(Device& device, const float* router, int32_t n, int32_t n_experts, int32_t chosen, bool normalise, const Routing& routing);

// branch = shared * sigmoid(shared_gate) (each where not null) + sum of the experts' outputs in the order of their ids.
struct CombineArgs {
  const float* expert_out = nullptr;   // (n * chosen, hidden)
  const float* weight = nullptr;       // (n, chosen)
  const float* shared = nullptr;       // (n, hidden)
  const float* shared_gate = nullptr;  // (n)
  float* branch = nullptr;             // (n, hidden)
  int32_t n = 0, chosen = 0, hidden = 0;
};
void combine_experts(Device& device, const CombineArgs& args);

// Reads `bytes` (a multiple of 16) as decode reads weights; the limit that shares are held against. sink: 4 bytes, never written.
void read_all(Device& device, const uint8_t* from, int64_t bytes, uint32_t* sink);
// Operations of tensor-core products with operands in registers: bf16 or int8. Returns how many it starts.
double multiply_in_registers(Device& device, bool int8, float* sink);

}  // namespace fabula::gpu
