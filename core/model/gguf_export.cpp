#include "core/model/gguf_export.h"

#include <cmath>

#include "core/model/tensor_names.h"

namespace fabula::model {

namespace {

using compute::LayerSpec;
using compute::MatrixRef;
using compute::VectorRef;
using formats::GgufValue;

class Planner {
 public:
  Planner(const Hyperparameters& hyper, const Family& family) : hyper_(hyper), family_(family) {}

  void layer(const LayerSpec& layer, const LayerNames& names) {
    norm(names.attention_norm, layer.attention_norm);
    norm(names.ffn_norm, layer.ffn_norm);
    norm(names.post_attention_norm, layer.post_attention_norm);
    norm(names.post_ffn_norm, layer.post_ffn_norm);
    const int64_t pairs = family_.gguf_pairing == compute::RopePairing::interleaved ? hyper_.head_dim : 0;
    if (family_.fused_qkv) {
      whole(names.qkv, layer.q.tensor);
    } else {
      linear(names.q, layer.q, layer.q_bias, pairs);
      linear(names.k, layer.k, layer.k_bias, pairs);
      linear(names.v, layer.v, layer.v_bias);
    }
    linear(names.o, layer.o, layer.o_bias);
    norm(names.q_norm, layer.q_norm);
    norm(names.k_norm, layer.k_norm);
    if (family_.fused_gate_up) {
      whole(names.gate_up, layer.gate.tensor);
    } else {
      linear(names.gate, layer.gate, layer.gate_bias);
      linear(names.up, layer.up, layer.up_bias);
    }
    linear(names.down, layer.down, layer.down_bias);
    linear(names.router, layer.router, {});
    stack(names.expert_gate, layer.expert_gate);
    stack(names.expert_up, layer.expert_up);
    stack(names.expert_down, layer.expert_down);
    linear(names.shared_gate, layer.shared_gate, {});
    linear(names.shared_up, layer.shared_up, {});
    linear(names.shared_down, layer.shared_down, {});
    if (layer.shared_router)
      add(names.shared_router, {layer.shared_router.cols}, {layer.shared_router.tensor});
  }

  void matrix(const std::string& name, const MatrixRef& ref) { linear(name, ref, {}); }

  void norm(const std::string& name, const VectorRef& ref) {
    if (!ref) return;
    add(name, {ref.size}, {ref.tensor});
    list_.back().plus_one = family_.norm_plus_one;
  }

  void values(const std::string& name, const std::vector<double>& numbers) {
    if (numbers.empty()) return;
    add(name, {static_cast<int64_t>(numbers.size())}, {});
    list_.back().values.assign(numbers.begin(), numbers.end());
  }

  std::vector<ExportTensor> take() { return std::move(list_); }

 private:
  void add(const std::string& name, std::vector<int64_t> shape,
           std::vector<const formats::TensorInfo*> sources, const char* suffix = ".weight") {
    ExportTensor tensor;
    tensor.name = name + suffix;
    tensor.shape = std::move(shape);
    tensor.sources = std::move(sources);
    list_.push_back(std::move(tensor));
  }

  void linear(const std::string& name, const MatrixRef& ref, const VectorRef& bias, int64_t pairs = 0) {
    if (!ref) return;
    add(name, {ref.rows, ref.cols}, {ref.tensor});
    list_.back().interleaved_head_dim = pairs;
    if (!bias) return;
    add(name, {bias.size}, {bias.tensor}, ".bias");
    list_.back().interleaved_head_dim = pairs;
  }

  void whole(const std::string& name, const formats::TensorInfo* tensor) {
    add(name, tensor->shape, {tensor});
  }

  void stack(const std::string& name, const std::vector<MatrixRef>& experts) {
    if (experts.empty()) return;
    std::vector<const formats::TensorInfo*> sources;
    for (const MatrixRef& expert : experts) sources.push_back(expert.tensor);
    add(name, {static_cast<int64_t>(experts.size()), experts[0].rows, experts[0].cols}, std::move(sources));
  }

  const Hyperparameters& hyper_;
  const Family& family_;
  std::vector<ExportTensor> list_;
};

// GGUF has llama3's scaling as a divisor for each frequency.
std::vector<double> llama3_factors(const compute::ModelSpec& spec, const Hyperparameters& hyper) {
  std::vector<double> factors;
  const std::vector<double>& scaled = spec.ropes[0].inv_freq;
  for (size_t i = 0; i < scaled.size(); ++i) {
    const double plain =
        std::pow(hyper.rope.theta, -static_cast<double>(2 * i) / static_cast<double>(hyper.rotary_dim));
    factors.push_back(plain / scaled[i]);
  }
  return factors;
}

class Keys {
 public:
  explicit Keys(std::string_view architecture) : prefix_(std::string(architecture) + ".") {
    metadata.emplace("general.architecture", GgufValue::text(architecture));
  }
  void integer(const char* key, int64_t value) {
    metadata.emplace(prefix_ + key, GgufValue::u32(static_cast<uint32_t>(value)));
  }
  void number(const char* key, double value) {
    metadata.emplace(prefix_ + key, GgufValue::f32(static_cast<float>(value)));
  }
  void number_unless(const char* key, double value, double usual) {
    if (value != usual) number(key, value);
  }
  void text(const char* key, const char* value) { metadata.emplace(prefix_ + key, GgufValue::text(value)); }

  formats::GgufMetadata metadata;

 private:
  std::string prefix_;
};

void export_rope(Keys& keys, const Hyperparameters& hyper) {
  keys.integer("rope.dimension_count", hyper.rotary_dim);
  keys.number("rope.freq_base", hyper.rope.theta);
  const RopeScaling scaling = hyper.rope.scaling;
  if (hyper.rope.original_context > 0.0 && (scaling == RopeScaling::yarn || scaling == RopeScaling::longrope))
    keys.integer("rope.scaling.original_context_length", static_cast<int64_t>(hyper.rope.original_context));
  if (scaling == RopeScaling::linear || scaling == RopeScaling::yarn) {
    keys.text("rope.scaling.type", scaling == RopeScaling::linear ? "linear" : "yarn");
    keys.number("rope.scaling.factor", hyper.rope.factor);
    keys.number_unless("rope.scaling.yarn_beta_fast", hyper.rope.beta_fast, 32.0);
    keys.number_unless("rope.scaling.yarn_beta_slow", hyper.rope.beta_slow, 1.0);
  }
  if (scaling != RopeScaling::longrope) return;
  const double scale = static_cast<double>(hyper.context_length) / hyper.rope.original_context;
  const double derived =
      scale > 1.0 ? std::sqrt(1.0 + std::log(scale) / std::log(hyper.rope.original_context)) : 1.0;
  keys.number("rope.scaling.attn_factor", hyper.rope.attention_factor.value_or(derived));
}

void export_experts(Keys& keys, const Hyperparameters& hyper) {
  if (hyper.n_experts == 0) return;
  keys.integer("expert_count", hyper.n_experts);
  keys.integer("expert_used_count", hyper.experts_per_token);
  if (hyper.expert_ffn != hyper.ffn) keys.integer("expert_feed_forward_length", hyper.expert_ffn);
  if (hyper.shared_expert_ffn > 0) keys.integer("expert_shared_feed_forward_length", hyper.shared_expert_ffn);
}

bool close(double a, double b) {
  return std::fabs(a - b) <= 1e-6 * std::max(std::fabs(a), std::fabs(b));
}

bool same_frequencies(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!close(a[i], b[i])) return false;
  return true;
}

}  // namespace

std::string_view exported_architecture(const Family& family) {
  return family.gguf.empty() ? "llama" : family.gguf;
}

std::vector<ExportTensor> plan_tensors(const compute::ModelSpec& spec, const Hyperparameters& hyper,
                                       const Family& family) {
  Planner planner(hyper, family);
  const ModelNames ends = model_names(Convention::gguf);
  planner.matrix(ends.embedding, spec.embedding);
  if (spec.head.tensor != spec.embedding.tensor) planner.matrix(ends.head, spec.head);
  planner.norm(ends.final_norm, spec.final_norm);
  if (hyper.rope.scaling == RopeScaling::llama3) planner.values("rope_freqs", llama3_factors(spec, hyper));
  if (hyper.rope.scaling == RopeScaling::longrope) {
    planner.values("rope_factors_short", hyper.rope.short_factors);
    planner.values("rope_factors_long", hyper.rope.long_factors);
  }
  for (size_t i = 0; i < spec.layers.size(); ++i)
    planner.layer(spec.layers[i], layer_names(Convention::gguf, family, static_cast<int64_t>(i)));
  return planner.take();
}

formats::GgufMetadata export_metadata(const Hyperparameters& hyper, const Family& family) {
  Keys keys(exported_architecture(family));
  keys.integer("block_count", hyper.n_layers);
  keys.integer("context_length", hyper.context_length);
  keys.integer("embedding_length", hyper.hidden);
  keys.integer("feed_forward_length", hyper.ffn);
  keys.integer("vocab_size", hyper.vocab);
  keys.integer("attention.head_count", hyper.n_heads);
  keys.integer("attention.head_count_kv", hyper.n_kv_heads);
  keys.number("attention.layer_norm_rms_epsilon", hyper.norm_epsilon);
  if (hyper.head_dim * hyper.n_heads != hyper.hidden) {
    keys.integer("attention.key_length", hyper.head_dim);
    keys.integer("attention.value_length", hyper.head_dim);
  }
  if (hyper.sliding_window > 0) keys.integer("attention.sliding_window", hyper.sliding_window);
  keys.number_unless("attn_logit_softcapping", hyper.attention_softcap, 0.0);
  keys.number_unless("final_logit_softcapping", hyper.final_softcap, 0.0);
  if (family.has_multipliers) {
    keys.number("attention.scale", hyper.attention_scale);
    keys.number("embedding_scale", hyper.embedding_scale);
    keys.number("residual_scale", hyper.residual_scale);
    keys.number("logit_scale", 1.0 / hyper.logit_scale);
  }
  export_experts(keys, hyper);
  export_rope(keys, hyper);
  return std::move(keys.metadata);
}

std::string first_difference(const compute::ModelSpec& a, const compute::ModelSpec& b) {
  if (a.layers.size() != b.layers.size() || a.hidden != b.hidden || a.vocab != b.vocab ||
      a.n_heads != b.n_heads || a.n_kv_heads != b.n_kv_heads || a.head_dim != b.head_dim || a.ffn != b.ffn ||
      a.context_length != b.context_length)
    return "the shape";
  if (a.activation != b.activation) return "the activation";
  if (a.norm != b.norm || !close(a.norm_epsilon, b.norm_epsilon)) return "the norm";
  if (!close(a.attention_scale, b.attention_scale)) return "the attention scale";
  if (!close(a.embedding_scale, b.embedding_scale) || !close(a.residual_scale, b.residual_scale) ||
      !close(a.logit_scale, b.logit_scale))
    return "a multiplier";
  if (!close(a.attention_softcap, b.attention_softcap) || !close(a.final_softcap, b.final_softcap))
    return "a soft cap";
  if (a.n_experts != b.n_experts || a.experts_per_token != b.experts_per_token ||
      (a.n_experts > 0 &&
       (a.normalise_expert_weights != b.normalise_expert_weights || a.expert_ffn != b.expert_ffn)) ||
      a.shared_expert_ffn != b.shared_expert_ffn)
    return "the experts";
  if (a.ropes.size() != b.ropes.size()) return "the rope";
  for (size_t i = 0; i < a.ropes.size(); ++i)
    if (!same_frequencies(a.ropes[i].inv_freq, b.ropes[i].inv_freq) ||
        !close(a.ropes[i].ntk_factor, b.ropes[i].ntk_factor) ||
        !close(a.ropes[i].attention_factor, b.ropes[i].attention_factor) ||
        !same_frequencies(a.ropes[i].inv_freq_long, b.ropes[i].inv_freq_long))
      return "the rope";
  for (size_t i = 0; i < a.layers.size(); ++i) {
    if (a.layers[i].sliding_window != b.layers[i].sliding_window)
      return "the sliding window of layer " + std::to_string(i);
    if (a.layers[i].rope != b.layers[i].rope) return "the rope of layer " + std::to_string(i);
  }
  return {};
}

}  // namespace fabula::model
