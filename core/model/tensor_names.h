// What the tensors of a layer are called in GGUF files and in Hugging Face's. "" where a convention has no
// such tensor. Names are without ".weight" and ".bias".
#pragma once

#include <cstdint>
#include <string>

#include "core/model/families.h"

namespace fabula::model {

enum class Convention { gguf, hugging_face };

struct ModelNames {
  std::string embedding, head, final_norm;
};

struct LayerNames {
  std::string attention_norm, post_attention_norm, ffn_norm, post_ffn_norm;
  std::string q, k, v, qkv, o, q_norm, k_norm;
  std::string gate, up, gate_up, down;
  std::string router, shared_gate, shared_up, shared_down, shared_router;
  bool experts_are_stacked = false;  // one tensor (n_experts, rows, cols), or one for each expert
  std::string expert_prefix;         // of separate ones: prefix + index + "." + expert_gate ...
  std::string expert_gate, expert_up, expert_down;
  // GGUF files from before experts were stacked (mixtral's first): name + "." + index.
  std::string separate_gate, separate_up, separate_down;
};

ModelNames model_names(Convention convention);
LayerNames layer_names(Convention convention, const Family& family, int64_t layer);

}  // namespace fabula::model
