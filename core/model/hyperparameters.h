// What config.json or a GGUF's metadata say of a model, in one neutral form. Filled by the readers of each
// format, turned into a ModelSpec by spec_builder. A value that a file does not give has its family's default
// already.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/compute/model_spec.h"

namespace fabula::model {

enum class RopeScaling { none, linear, yarn, llama3, longrope, dynamic };

struct RopeParameters {
  double theta = 10000.0;
  double rotary_share = 1.0;  // of the head, as newer config.json files have it here
  RopeScaling scaling = RopeScaling::none;
  double factor = 1.0;
  double original_context = 0.0;                         // 0: the model's context length
  double low_freq_factor = 1.0, high_freq_factor = 4.0;  // llama3
  double beta_fast = 32.0, beta_slow = 1.0;              // YaRN
  std::optional<double> attention_factor;                // YaRN, longrope: given instead of derived
  std::vector<double> short_factors,
      long_factors;  // longrope: (rotary_dim / 2); GGUF's rope_freqs stand in short_factors too
};

struct Hyperparameters {
  int64_t n_layers = 0, hidden = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0, ffn = 0, vocab = 0,
          context_length = 0;
  int64_t rotary_dim = 0;
  double norm_epsilon = 1e-5;
  compute::Activation activation = compute::Activation::silu;
  bool tied = false;  // the head is the embedding even where a head is stored (config.json says so)
  double attention_scale = 0.0;  // always filled
  double attention_softcap = 0.0, final_softcap = 0.0;
  double embedding_scale = 1.0, residual_scale = 1.0, logit_scale = 1.0;
  int64_t sliding_window = 0;
  std::vector<bool> layer_slides;    // (n_layers): uses the window and, where there is one, the local rope
  std::vector<bool> layer_has_rope;  // (n_layers)
  RopeParameters rope;
  std::optional<RopeParameters> local_rope;  // of sliding layers (gemma3)
  int64_t n_experts = 0, experts_per_token = 0, expert_ffn = 0, shared_expert_ffn = 0;
  bool normalise_expert_weights = true;
  std::vector<bool> layer_has_experts;  // (n_layers)
};

}  // namespace fabula::model
