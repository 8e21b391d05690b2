// What an executor must know of a model: flags and tensors, never a family's name. core/model fills it from its table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/formats/tensor.h"

namespace fabula::compute {

enum class NormKind { rms, layer };
enum class Activation { silu, gelu_tanh, gelu_erf, relu };  // of the gate; the product with `up` where there is a gate
enum class RopePairing { half, interleaved };               // (i, i + d/2) as Hugging Face, or (2i, 2i + 1) as GGUF's llama

// A matrix of `rows` outputs by `cols` inputs: a run of rows of one stored tensor, so that fused tensors are just offsets.
struct MatrixRef {
  const formats::TensorInfo* tensor = nullptr;  // null: the model has none
  int64_t row_begin = 0;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t expert = 0;  // outermost index of a 3-D tensor (n_experts, rows, cols)
  explicit operator bool() const { return tensor != nullptr; }
};

struct VectorRef {
  const formats::TensorInfo* tensor = nullptr;
  int64_t begin = 0;
  int64_t size = 0;
  explicit operator bool() const { return tensor != nullptr; }
};

// Inverse frequencies are computed once in double (NUMERICS 2): inv_freq has rotary_dim / 2 entries, scaling already applied.
struct RopeTable {
  int rotary_dim = 0;
  std::vector<double> inv_freq;        // (rotary_dim / 2) for contexts up to `short_context`; for all where that is 0
  std::vector<double> inv_freq_long;   // longrope: for longer ones (see rope.h); empty elsewhere
  double ntk_factor = 0.0, ntk_theta = 0.0;  // dynamic NTK: how inv_freq stretches for longer ones; 0 elsewhere
  int64_t short_context = 0;
  double attention_factor = 1.0;       // multiplies cos and sin (YaRN's and longrope's mscale)
};

struct LayerSpec {
  int rope = 0;                   // index into ModelSpec::ropes; -1: no position embedding (NoPE)
  int64_t sliding_window = 0;     // 0: full attention; w: a query at p sees p - w + 1 .. p
  VectorRef attention_norm, attention_norm_bias;      // before QKV; absent in post-norm models (olmo2)
  MatrixRef q, k, v, o;
  VectorRef q_bias, k_bias, v_bias, o_bias;
  VectorRef q_norm, k_norm;                           // per head (head_dim) or over the whole projection
  VectorRef post_attention_norm;                      // on the branch, before the residual is added
  VectorRef ffn_norm, ffn_norm_bias;
  MatrixRef gate, up, down;                           // dense MLP; gate absent: activation on up
  VectorRef gate_bias, up_bias, down_bias;
  VectorRef post_ffn_norm;
  // Mixture of experts: router (n_experts, hidden); one entry per expert.
  MatrixRef router;
  std::vector<MatrixRef> expert_gate, expert_up, expert_down;
  MatrixRef shared_gate, shared_up, shared_down;      // the always-on expert of qwen2-moe
  MatrixRef shared_router;                            // (1, hidden): its sigmoid gate
};

struct ModelSpec {
  int64_t n_layers = 0, hidden = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0, ffn = 0, vocab = 0, context_length = 0;
  NormKind norm = NormKind::rms;
  float norm_epsilon = 1e-5f;
  bool norm_weight_plus_one = false;      // gemma from Hugging Face files: (1 + w)
  Activation activation = Activation::silu;
  RopePairing rope_pairing = RopePairing::half;
  bool qk_norm_per_head = true;           // false: over all heads at once (olmo2)
  float embedding_scale = 1.0f;
  float attention_scale = 0.0f;           // multiplies q.k; core/model always fills it
  float attention_softcap = 0.0f;         // 0: none; c: c * tanh(x / c)
  float final_softcap = 0.0f;
  float residual_scale = 1.0f;            // granite
  float logit_scale = 1.0f;               // multiplies the logits
  int64_t n_experts = 0, experts_per_token = 0, expert_ffn = 0, shared_expert_ffn = 0;
  bool normalise_expert_weights = true;   // softmax over the chosen ones only
  std::vector<RopeTable> ropes;
  // A part of a model (part.h): without the embedding, the residual stream of the layer before comes in; without the head, that of
  // its last layer goes out.
  bool has_embedding = true, has_head = true;
  MatrixRef embedding;                    // (vocab, hidden)
  MatrixRef head;                         // (vocab, hidden); equal to embedding where tied
  VectorRef head_bias;
  VectorRef final_norm, final_norm_bias;
  std::vector<LayerSpec> layers;
};

}  // namespace fabula::compute
