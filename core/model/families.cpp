#include "core/model/families.h"

#include <array>

namespace fabula::model {

namespace {

using compute::Activation;
using enum compute::RopePairing;

// mistral and mixtral are "llama" in GGUF files; which one is meant shows in the metadata (experts, window)
// alone.
constexpr std::array table = {
    Family{.name = "llama", .gguf = "llama", .gguf_pairing = interleaved, .full_rotary = true},
    Family{.name = "mistral", .gguf = "", .gguf_pairing = interleaved, .window_default = 4096},
    Family{.name = "mixtral",
           .gguf = "",
           .gguf_pairing = interleaved,
           .experts = ExpertNames::mixtral,
           .epsilon_default = 1e-5,
           .theta_default = 1e6},
    Family{.name = "qwen2", .gguf = "qwen2", .gguf_pairing = half, .window = WindowPattern::from_max_window},
    Family{.name = "qwen2_moe",
           .gguf = "qwen2moe",
           .gguf_pairing = half,
           .window = WindowPattern::from_max_window,
           .experts = ExpertNames::qwen,
           .has_shared_expert = true,
           .normalises_experts = false},
    Family{.name = "qwen3",
           .gguf = "qwen3",
           .gguf_pairing = half,
           .qk_norm = QkNorm::per_head,
           .window = WindowPattern::from_max_window,
           .head_dim_default = 128},
    Family{.name = "qwen3_moe",
           .gguf = "qwen3moe",
           .gguf_pairing = half,
           .qk_norm = QkNorm::per_head,
           .window = WindowPattern::from_max_window,
           .experts = ExpertNames::qwen},
    Family{.name = "gemma",
           .gguf = "gemma",
           .gguf_pairing = half,
           .norm_plus_one = true,
           .scales_embedding = true,
           .tied_default = true,
           .activation = Activation::gelu_tanh,
           .head_dim_default = 256},
    Family{.name = "gemma2",
           .gguf = "gemma2",
           .gguf_pairing = half,
           .norms = NormPlacement::sandwich,
           .window = WindowPattern::even_layers,
           .norm_plus_one = true,
           .scales_embedding = true,
           .large_layers = 46,
           .tied_default = true,
           .activation = Activation::gelu_tanh,
           .window_default = 4096,
           .head_dim_default = 256,
           .query_scalar_default = 256.0,
           .attention_softcap_default = 50.0,
           .final_softcap_default = 30.0},
    Family{.name = "gemma3_text",
           .gguf = "gemma3",
           .gguf_pairing = half,
           .norms = NormPlacement::sandwich,
           .qk_norm = QkNorm::per_head,
           .window = WindowPattern::five_of_six,
           .norm_plus_one = true,
           .scales_embedding = true,
           .large_layers = 62,
           .local_theta = 10000.0,
           .tied_default = true,
           .activation = Activation::gelu_tanh,
           .theta_default = 1e6,
           .window_default = 4096,
           .head_dim_default = 256,
           .heads_default = 8,
           .kv_heads_default = 4,
           .vocab_default = 262208,
           .context_default = 131072,
           .query_scalar_default = 256.0},
    Family{.name = "phi3",
           .gguf = "phi3",
           .gguf_pairing = half,
           .fused_qkv = true,
           .fused_gate_up = true,
           .epsilon_default = 1e-5},
    Family{.name = "smollm3",
           .gguf = "smollm3",
           .gguf_pairing = interleaved,
           .no_rope_interval = 4,
           .tied_default = true,
           .theta_default = 2e6},
    Family{.name = "olmo2",
           .gguf = "olmo2",
           .gguf_pairing = half,
           .norms = NormPlacement::post,
           .qk_norm = QkNorm::whole,
           .epsilon_default = 1e-5},
    Family{.name = "granite", .gguf = "granite", .gguf_pairing = interleaved, .has_multipliers = true},
};

}  // namespace

std::span<const Family> families() {
  return table;
}

const Family* find_family_by_gguf_or_null(std::string_view architecture) {
  for (const Family& family : table)
    if (!family.gguf.empty() && family.gguf == architecture) return &family;
  return nullptr;
}

const Family* find_family_by_model_type_or_null(std::string_view model_type) {
  for (const Family& family : table)
    if (family.name == model_type) return &family;
  return nullptr;
}

std::string known_families() {
  std::string list;
  for (const Family& family : table) list += (list.empty() ? "" : ", ") + std::string(family.name);
  return list;
}

}  // namespace fabula::model
