#include "core/model/spec_builder.h"

#include "core/model/rope_table.h"
#include "core/model/tensor_binder.h"

namespace fabula::model {

namespace {

using compute::LayerSpec;
using compute::ModelSpec;

class LayerBuilder {
 public:
  LayerBuilder(const Hyperparameters& hyper, const Family& family, TensorBinder& binder, LayerNames names)
      : hyper_(hyper), family_(family), binder_(binder), names_(std::move(names)) {}

  LayerSpec build(bool has_experts) {
    norms();
    attention();
    if (has_experts)
      experts();
    else
      mlp();
    return std::move(layer_);
  }

 private:
  static std::string weight(const std::string& name) { return name + ".weight"; }
  static std::string bias(const std::string& name) { return name + ".bias"; }

  void norms() {
    const int64_t size = hyper_.hidden;
    if (family_.norms != NormPlacement::post) {
      layer_.attention_norm = binder_.vector(weight(names_.attention_norm), size);
      layer_.ffn_norm = binder_.vector(weight(names_.ffn_norm), size);
    }
    if (family_.norms == NormPlacement::pre) return;
    layer_.post_attention_norm = binder_.vector(weight(names_.post_attention_norm), size);
    layer_.post_ffn_norm = binder_.vector(weight(names_.post_ffn_norm), size);
  }

  void attention() {
    const int64_t q_rows = hyper_.n_heads * hyper_.head_dim, kv_rows = hyper_.n_kv_heads * hyper_.head_dim;
    if (family_.fused_qkv) {
      const int64_t total = q_rows + 2 * kv_rows;
      const auto part = [&](int64_t begin, int64_t rows) {
        return binder_.matrix_part(weight(names_.qkv), {begin, rows, total}, hyper_.hidden);
      };
      layer_.q = part(0, q_rows);
      layer_.k = part(q_rows, kv_rows);
      layer_.v = part(q_rows + kv_rows, kv_rows);
      if (binder_.has(bias(names_.qkv))) {
        layer_.q_bias = binder_.vector_part(bias(names_.qkv), {0, q_rows, total});
        layer_.k_bias = binder_.vector_part(bias(names_.qkv), {q_rows, kv_rows, total});
        layer_.v_bias = binder_.vector_part(bias(names_.qkv), {q_rows + kv_rows, kv_rows, total});
      }
    } else {
      layer_.q = linear(names_.q, q_rows, hyper_.hidden, layer_.q_bias);
      layer_.k = linear(names_.k, kv_rows, hyper_.hidden, layer_.k_bias);
      layer_.v = linear(names_.v, kv_rows, hyper_.hidden, layer_.v_bias);
    }
    layer_.o = linear(names_.o, hyper_.hidden, q_rows, layer_.o_bias);
    if (family_.qk_norm == QkNorm::none) return;
    const bool is_whole = family_.qk_norm == QkNorm::whole;
    layer_.q_norm = binder_.vector(weight(names_.q_norm), is_whole ? q_rows : hyper_.head_dim);
    layer_.k_norm = binder_.vector(weight(names_.k_norm), is_whole ? kv_rows : hyper_.head_dim);
  }

  void mlp() {
    if (family_.fused_gate_up) {  // gate first, then up
      layer_.gate =
          binder_.matrix_part(weight(names_.gate_up), {0, hyper_.ffn, 2 * hyper_.ffn}, hyper_.hidden);
      layer_.up = binder_.matrix_part(weight(names_.gate_up), {hyper_.ffn, hyper_.ffn, 2 * hyper_.ffn},
                                      hyper_.hidden);
    } else {
      layer_.gate = linear(names_.gate, hyper_.ffn, hyper_.hidden, layer_.gate_bias);
      layer_.up = linear(names_.up, hyper_.ffn, hyper_.hidden, layer_.up_bias);
    }
    layer_.down = linear(names_.down, hyper_.hidden, hyper_.ffn, layer_.down_bias);
  }

  void experts() {
    layer_.router = binder_.matrix(weight(names_.router), hyper_.n_experts, hyper_.hidden);
    for (int64_t e = 0; e < hyper_.n_experts && !binder_.error(); ++e) {
      layer_.expert_gate.push_back(
          expert(names_.expert_gate, names_.separate_gate, e, hyper_.expert_ffn, hyper_.hidden));
      layer_.expert_up.push_back(
          expert(names_.expert_up, names_.separate_up, e, hyper_.expert_ffn, hyper_.hidden));
      layer_.expert_down.push_back(
          expert(names_.expert_down, names_.separate_down, e, hyper_.hidden, hyper_.expert_ffn));
    }
    if (hyper_.shared_expert_ffn == 0) return;
    layer_.shared_gate = binder_.matrix(weight(names_.shared_gate), hyper_.shared_expert_ffn, hyper_.hidden);
    layer_.shared_up = binder_.matrix(weight(names_.shared_up), hyper_.shared_expert_ffn, hyper_.hidden);
    layer_.shared_down = binder_.matrix(weight(names_.shared_down), hyper_.hidden, hyper_.shared_expert_ffn);
    layer_.shared_router = binder_.matrix(weight(names_.shared_router), 1, hyper_.hidden);
  }

  compute::MatrixRef expert(const std::string& name, const std::string& separate, int64_t index, int64_t rows,
                            int64_t cols) {
    const std::string alone = weight(separate + "." + std::to_string(index));
    if (names_.experts_are_stacked && !binder_.has(weight(name)) && binder_.has(alone))
      return binder_.matrix(alone, rows, cols);
    if (names_.experts_are_stacked) return binder_.stacked(weight(name), index, hyper_.n_experts, rows, cols);
    return binder_.matrix(weight(names_.expert_prefix + std::to_string(index) + "." + name), rows, cols);
  }

  compute::MatrixRef linear(const std::string& name, int64_t rows, int64_t cols,
                            compute::VectorRef& bias_out) {
    bias_out = binder_.vector_if_present(bias(name), rows);
    return binder_.matrix(weight(name), rows, cols);
  }

  const Hyperparameters& hyper_;
  const Family& family_;
  TensorBinder& binder_;
  LayerNames names_;
  LayerSpec layer_;
};

void copy_numbers(const Hyperparameters& hyper, const Family& family, Convention convention,
                  ModelSpec& spec) {
  spec.n_layers = hyper.n_layers;
  spec.hidden = hyper.hidden;
  spec.n_heads = hyper.n_heads;
  spec.n_kv_heads = hyper.n_kv_heads;
  spec.head_dim = hyper.head_dim;
  spec.ffn = hyper.ffn;
  spec.vocab = hyper.vocab;
  spec.context_length = hyper.context_length;
  spec.norm_epsilon = static_cast<float>(hyper.norm_epsilon);
  spec.norm_weight_plus_one = family.norm_plus_one && convention == Convention::hugging_face;
  spec.activation = hyper.activation;
  spec.rope_pairing = convention == Convention::gguf ? family.gguf_pairing : compute::RopePairing::half;
  spec.qk_norm_per_head = family.qk_norm != QkNorm::whole;
  spec.embedding_scale = static_cast<float>(hyper.embedding_scale);
  spec.attention_scale = static_cast<float>(hyper.attention_scale);
  spec.attention_softcap = static_cast<float>(hyper.attention_softcap);
  spec.final_softcap = static_cast<float>(hyper.final_softcap);
  spec.residual_scale = static_cast<float>(hyper.residual_scale);
  spec.logit_scale = static_cast<float>(hyper.logit_scale);
  spec.n_experts = hyper.n_experts;
  spec.experts_per_token = hyper.experts_per_token;
  spec.expert_ffn = hyper.expert_ffn;
  spec.shared_expert_ffn = hyper.shared_expert_ffn;
  spec.normalise_expert_weights = hyper.normalise_expert_weights;
}

// The embedding, the head and the last norm. A file that stores a tied pair once may call it either name.
void bind_ends(const Hyperparameters& hyper, Convention convention, TensorBinder& binder, ModelSpec& spec) {
  const ModelNames names = model_names(convention);
  const std::string embedding = names.embedding + ".weight", head = names.head + ".weight";
  const bool has_embedding = binder.has(embedding) || !binder.has(head) || !hyper.tied;
  spec.embedding = binder.matrix(has_embedding ? embedding : head, hyper.vocab, hyper.hidden);
  const bool is_separate = binder.has(head) && !hyper.tied;
  spec.head = is_separate ? binder.matrix(head, hyper.vocab, hyper.hidden) : spec.embedding;
  if (hyper.tied) binder.ignore(head);
  if (!is_separate && !hyper.tied && convention == Convention::hugging_face)
    binder.fail(
        {ErrorCode::corrupt,
         "the tensor \"lm_head.weight\" is missing, and config.json does not tie it to the embedding"});
  if (is_separate) spec.head_bias = binder.vector_if_present(names.head + ".bias", hyper.vocab);
  spec.final_norm = binder.vector(names.final_norm + ".weight", hyper.hidden);
}

void ignore_known(Convention convention, int64_t n_layers, TensorBinder& binder) {
  if (convention == Convention::gguf) {  // read with the hyperparameters
    for (const char* name : {"rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"})
      binder.ignore(name);
    return;
  }
  // Old checkpoints stored what is computed from rope_theta.
  for (int64_t i = 0; i < n_layers; ++i)
    binder.ignore("model.layers." + std::to_string(i) + ".self_attn.rotary_emb.inv_freq");
}

}  // namespace

Result<ModelSpec> build_spec(const Hyperparameters& hyper, const Family& family, Convention convention,
                             const formats::TensorSource& source) {
  if (hyper.n_heads % hyper.n_kv_heads != 0)
    return Error{ErrorCode::corrupt, std::to_string(hyper.n_heads) + " heads cannot share " +
                                         std::to_string(hyper.n_kv_heads) + " KV heads"};
  ModelSpec spec;
  copy_numbers(hyper, family, convention, spec);
  FABULA_ASSIGN(auto rope, make_rope_table(hyper.rope, hyper.rotary_dim, hyper.context_length));
  spec.ropes.push_back(std::move(rope));
  if (hyper.local_rope) {
    FABULA_ASSIGN(auto local, make_rope_table(*hyper.local_rope, hyper.rotary_dim, hyper.context_length));
    spec.ropes.push_back(std::move(local));
  }
  TensorBinder binder(source);
  bind_ends(hyper, convention, binder, spec);
  for (int64_t i = 0; i < hyper.n_layers && !binder.error(); ++i) {
    const auto at = static_cast<size_t>(i);
    LayerSpec layer = LayerBuilder(hyper, family, binder, layer_names(convention, family, i))
                          .build(hyper.layer_has_experts[at]);
    layer.sliding_window = hyper.layer_slides[at] ? hyper.sliding_window : 0;
    layer.rope = !hyper.layer_has_rope[at] ? -1 : hyper.local_rope && hyper.layer_slides[at] ? 1 : 0;
    spec.layers.push_back(std::move(layer));
  }
  ignore_known(convention, hyper.n_layers, binder);
  FABULA_TRY(binder.all_used());
  return spec;
}

}  // namespace fabula::model
