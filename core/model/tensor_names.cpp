#include "core/model/tensor_names.h"

namespace fabula::model {

namespace {

LayerNames gguf_names(const Family& family, const std::string& p) {
  LayerNames names;
  names.attention_norm = p + "attn_norm";
  names.post_attention_norm = p + "post_attention_norm";
  names.ffn_norm = p + "ffn_norm";
  names.post_ffn_norm = p + "post_ffw_norm";
  names.q = p + "attn_q";
  names.k = p + "attn_k";
  names.v = p + "attn_v";
  names.qkv = p + "attn_qkv";
  names.o = p + "attn_output";
  names.q_norm = p + "attn_q_norm";
  names.k_norm = p + "attn_k_norm";
  names.gate = p + "ffn_gate";
  names.up = p + "ffn_up";
  if (family.fused_gate_up) names.gate_up = p + "ffn_up";
  names.down = p + "ffn_down";
  names.router = p + "ffn_gate_inp";
  names.experts_are_stacked = true;
  names.expert_gate = p + "ffn_gate_exps";
  names.expert_up = p + "ffn_up_exps";
  names.expert_down = p + "ffn_down_exps";
  names.separate_gate = p + "ffn_gate";
  names.separate_up = p + "ffn_up";
  names.separate_down = p + "ffn_down";
  names.shared_gate = p + "ffn_gate_shexp";
  names.shared_up = p + "ffn_up_shexp";
  names.shared_down = p + "ffn_down_shexp";
  names.shared_router = p + "ffn_gate_inp_shexp";
  return names;
}

// "post_attention_layernorm" is the norm before the MLP in llama, and the norm behind attention in gemma2 and
// olmo2.
void name_hf_norms(NormPlacement placement, const std::string& p, LayerNames& names) {
  const std::string after_attention = p + "post_attention_layernorm";
  names.attention_norm = p + "input_layernorm";
  names.ffn_norm = placement == NormPlacement::pre ? after_attention : p + "pre_feedforward_layernorm";
  names.post_attention_norm = after_attention;
  names.post_ffn_norm = p + "post_feedforward_layernorm";
}

LayerNames hf_names(const Family& family, const std::string& p) {
  LayerNames names;
  name_hf_norms(family.norms, p, names);
  names.q = p + "self_attn.q_proj";
  names.k = p + "self_attn.k_proj";
  names.v = p + "self_attn.v_proj";
  names.qkv = p + "self_attn.qkv_proj";
  names.o = p + "self_attn.o_proj";
  names.q_norm = p + "self_attn.q_norm";
  names.k_norm = p + "self_attn.k_norm";
  names.gate = p + "mlp.gate_proj";
  names.up = p + "mlp.up_proj";
  names.gate_up = p + "mlp.gate_up_proj";
  names.down = p + "mlp.down_proj";
  const bool is_mixtral = family.experts == ExpertNames::mixtral;
  const std::string moe = p + (is_mixtral ? "block_sparse_moe." : "mlp.");
  names.router = moe + "gate";
  names.expert_prefix = moe + "experts.";
  names.expert_gate = is_mixtral ? "w1" : "gate_proj";
  names.expert_up = is_mixtral ? "w3" : "up_proj";
  names.expert_down = is_mixtral ? "w2" : "down_proj";
  names.shared_gate = moe + "shared_expert.gate_proj";
  names.shared_up = moe + "shared_expert.up_proj";
  names.shared_down = moe + "shared_expert.down_proj";
  names.shared_router = moe + "shared_expert_gate";
  return names;
}

}  // namespace

ModelNames model_names(Convention convention) {
  if (convention == Convention::gguf) return {"token_embd", "output", "output_norm"};
  return {"model.embed_tokens", "lm_head", "model.norm"};
}

LayerNames layer_names(Convention convention, const Family& family, int64_t layer) {
  const std::string number = std::to_string(layer);
  if (convention == Convention::gguf) return gguf_names(family, "blk." + number + ".");
  return hf_names(family, "model.layers." + number + ".");
}

}  // namespace fabula::model
