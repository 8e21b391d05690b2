// The table of model families. A family is data: how its tensors are called, which norms it has, and the
// defaults of what its files leave unsaid. Adding one is one row here and one row in families_test.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/compute/model_spec.h"

namespace fabula::model {

enum class NormPlacement {
  pre,       // before attention and before the MLP (llama)
  sandwich,  // before and after both (gemma2, gemma3)
  post,      // after both, none before (olmo2)
};

enum class QkNorm { none, per_head, whole };

// Which layers use the sliding window, where there is one and the file does not list them.
enum class WindowPattern {
  all,
  even_layers,      // gemma2: 0, 2, 4, ...
  five_of_six,      // gemma3: all but every sixth
  from_max_window,  // qwen2, qwen3: layers from max_window_layers on, only where use_sliding_window says so
};

enum class ExpertNames { none, mixtral, qwen };  // of Hugging Face tensors; GGUF has one way

struct Family {
  std::string_view name;  // shown to the user; the model_type of config.json
  std::string_view gguf;  // general.architecture
  compute::RopePairing
      gguf_pairing;  // whose q and k rows the GGUF converter permutes; Hugging Face is always half
  NormPlacement norms = NormPlacement::pre;
  QkNorm qk_norm = QkNorm::none;
  WindowPattern window = WindowPattern::all;
  ExpertNames experts = ExpertNames::none;
  bool norm_plus_one = false;     // Hugging Face stores w of (1 + w); GGUF stores the sum
  bool scales_embedding = false;  // by sqrt(hidden)
  bool fused_qkv = false;
  bool fused_gate_up = false;
  bool has_multipliers = false;  // granite's embedding, residual, attention and logit factors
  bool has_shared_expert = false;
  bool normalises_experts = true;  // GGUF does not always say
  bool full_rotary = false;        // rope.dimension_count must equal the head size
  int no_rope_interval = 0;        // n: every n-th layer has no position embedding (smollm3)
  int64_t large_layers =
      0;  // GGUF: layers of the one size whose attention scale is sqrt(heads / hidden) (gemma 27B)
  double local_theta = 0.0;  // rope theta of sliding layers
  // What transformers takes where config.json says nothing.
  bool tied_default = false;
  compute::Activation activation = compute::Activation::silu;
  double epsilon_default = 1e-6;
  double theta_default = 10000.0;
  int64_t window_default = 0;
  int64_t head_dim_default = 0;  // 0: hidden / heads
  // 0: config.json must say. The text_config of gemma3 leaves out what is as usual.
  int64_t heads_default = 0, kv_heads_default = 0, vocab_default = 0, context_default = 2048;
  double query_scalar_default = 0.0;  // attention scale is 1 / sqrt of it; 0: of the head size
  double attention_softcap_default = 0.0, final_softcap_default = 0.0;
};

std::span<const Family> families();
const Family* find_family_by_gguf_or_null(std::string_view architecture);
const Family* find_family_by_model_type_or_null(std::string_view model_type);

// "llama, mistral, qwen2, ...": for the message that refuses an unknown one.
std::string known_families();

}  // namespace fabula::model
