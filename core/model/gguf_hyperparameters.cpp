#include "core/model/gguf_hyperparameters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/formats/byte_reader.h"
#include "core/formats/quant.h"
#include "core/model/layer_pattern.h"

namespace fabula::model {

namespace {

using formats::GgufValue;

// Keys below the architecture that tell something, but change no result.
constexpr std::array<std::string_view, 6> informative_keys = {
    "tensor_data_layout", "rope.scaling.finetuned", "attention.layer_norm_epsilon",
    "attention.causal",   "pooling_type",           "attention.sliding_window_type"};

// Looks keys up below "<architecture>." and remembers which were asked for; the first error is kept.
class Keys {
 public:
  Keys(const formats::GgufMetadata& metadata, std::string_view architecture)
      : metadata_(metadata), prefix_(std::string(architecture) + ".") {}

  const GgufValue* find(std::string_view key) {
    asked_.push_back(prefix_ + std::string(key));
    return formats::find_or_null(metadata_, asked_.back());
  }

  // Negative, fractional or missing where it must be: an error. Where all layers agree, a list is one value.
  int64_t integer(std::string_view key, std::optional<int64_t> otherwise, int64_t least, int64_t most) {
    const GgufValue* value = find(key);
    if (!value) {
      if (!otherwise) fail(key, "is missing");
      return otherwise.value_or(0);
    }
    const auto first = value->integer_or_none();
    if (!value->is_array && value->element != formats::GgufType::u32)
      return fail(key, "is of type " + std::string(formats::gguf_type_name(value->element)) + ", not uint32"),
             0;
    if (!first) return fail(key, "is no whole number"), 0;
    for (uint64_t i = 1; i < value->count; ++i)
      if (value->integer_or_none(i) != first)
        return fail(key, "differs from layer to layer, which is not supported", ErrorCode::unsupported), 0;
    if (*first < least || *first > most)
      return fail(key, "is " + std::to_string(*first) + ", which makes no sense"), 0;
    return *first;
  }

  std::optional<double> number(std::string_view key) {
    const GgufValue* value = find(key);
    if (!value) return std::nullopt;
    const auto number = value->is_array ? std::nullopt : value->number_or_none();
    if (!number || !std::isfinite(*number)) return fail(key, "is no finite number"), std::nullopt;
    return number;
  }

  std::optional<std::string> text(std::string_view key) {
    const GgufValue* value = find(key);
    if (!value) return std::nullopt;
    const auto text = value->is_array ? std::nullopt : value->text_or_none();
    if (!text) return fail(key, "is no text"), std::nullopt;
    return std::string(*text);
  }

  std::optional<bool> boolean(std::string_view key) {
    const GgufValue* value = find(key);
    if (!value) return std::nullopt;
    const auto truth = value->boolean_or_none();
    if (!truth) fail(key, "is no truth value");
    return truth;
  }

  void fail(std::string_view key, const std::string& why, ErrorCode code = ErrorCode::corrupt) {
    if (!error_) error_ = Error{code, "the metadata key " + prefix_ + std::string(key) + " " + why};
  }

  std::optional<Error> error() const { return error_; }

  std::optional<std::string> unknown_key() const {
    for (auto at = metadata_.lower_bound(prefix_); at != metadata_.end() && at->first.starts_with(prefix_);
         ++at) {
      const std::string_view rest = std::string_view(at->first).substr(prefix_.size());
      const bool is_known =
          std::find(asked_.begin(), asked_.end(), at->first) != asked_.end() ||
          std::find(informative_keys.begin(), informative_keys.end(), rest) != informative_keys.end();
      if (!is_known) return at->first;
    }
    return std::nullopt;
  }

 private:
  const formats::GgufMetadata& metadata_;
  std::string prefix_;
  std::vector<std::string> asked_;
  std::optional<Error> error_;
};

// The values of a small float tensor such as rope_freqs.weight; empty where there is none.
Result<std::vector<double>> read_factors(const formats::Gguf& file, std::string_view name, int64_t expected) {
  const formats::TensorInfo* tensor = file.find_or_null(name);
  if (!tensor) return std::vector<double>{};
  if (tensor->shape.size() != 1 || tensor->shape[0] != expected || tensor->type != formats::DType::f32)
    return Error{ErrorCode::corrupt, "the tensor " + std::string(name) + " should hold " +
                                         std::to_string(expected) + " F32 values"};
  std::vector<float> values(static_cast<size_t>(expected));
  FABULA_TRY(file.read(*tensor, 0, std::as_writable_bytes(std::span(values))));
  return std::vector<double>(values.begin(), values.end());
}

void read_scaling(Keys& keys, RopeParameters& rope) {
  const auto legacy = keys.number("rope.scale_linear");
  const double factor = keys.number("rope.scaling.factor").value_or(legacy.value_or(1.0));
  rope.factor = factor == 0.0 ? 1.0 : factor;
  rope.original_context =
      static_cast<double>(keys.integer("rope.scaling.original_context_length", 0, 0, int64_t{1} << 40));
  rope.beta_fast = keys.number("rope.scaling.yarn_beta_fast").value_or(rope.beta_fast);
  rope.beta_slow = keys.number("rope.scaling.yarn_beta_slow").value_or(rope.beta_slow);
  for (const char* key :
       {"rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_log_multiplier"})
    if (const auto value = keys.number(key);
        value && *value != (std::string_view(key).ends_with("log_multiplier") ? 0.0 : 1.0))
      keys.fail(key, "is not supported", ErrorCode::unsupported);
  const std::string type = keys.text("rope.scaling.type").value_or("linear");
  if (type == "none")
    rope.scaling = RopeScaling::none;
  else if (type == "linear")
    rope.scaling = rope.factor == 1.0 ? RopeScaling::none : RopeScaling::linear;
  else if (type == "yarn")
    rope.scaling = RopeScaling::yarn;
  else if (type == "longrope")
    rope.scaling = RopeScaling::longrope;
  else
    keys.fail("rope.scaling.type", "is " + formats::in_quotes(type) + ", which is not supported",
              ErrorCode::unsupported);
  const auto attention_factor = keys.number("rope.scaling.attn_factor");
  if (!attention_factor) return;
  // llama.cpp multiplies YaRN's own factor with it; longrope has no other.
  const double own =
      rope.scaling == RopeScaling::yarn && rope.factor > 1.0 ? 0.1 * std::log(rope.factor) + 1.0 : 1.0;
  rope.attention_factor = own * *attention_factor;
}

void read_shape(Keys& keys, const Family& family, int64_t vocab_rows, Hyperparameters& out) {
  constexpr int64_t most = int64_t{1} << 24;
  out.n_layers = keys.integer("block_count", std::nullopt, 1, 4096);
  out.hidden = keys.integer("embedding_length", std::nullopt, 1, most);
  out.ffn = keys.integer("feed_forward_length", std::nullopt, 0, most);
  out.n_heads = keys.integer("attention.head_count", std::nullopt, 1, 65536);
  out.n_kv_heads = keys.integer("attention.head_count_kv", out.n_heads, 1, 65536);
  out.context_length = keys.integer("context_length", std::nullopt, 1, int64_t{1} << 40);
  out.vocab = vocab_rows;
  keys.integer("vocab_size", 0, 0, int64_t{1} << 40);  // the embedding's rows are what counts
  const int64_t even_share = out.n_heads > 0 ? out.hidden / out.n_heads : 0;
  out.head_dim = keys.integer("attention.key_length", even_share, 1, most);
  if (keys.integer("attention.value_length", out.head_dim, 1, most) != out.head_dim)
    keys.fail("attention.value_length", "differs from key_length, which is not supported",
              ErrorCode::unsupported);
  out.rotary_dim = keys.integer("rope.dimension_count", out.head_dim, 2, most);
  if (out.rotary_dim % 2 != 0 || out.rotary_dim > out.head_dim ||
      (family.full_rotary && out.rotary_dim != out.head_dim))
    keys.fail("rope.dimension_count", "is " + std::to_string(out.rotary_dim) + "; heads have " +
                                          std::to_string(out.head_dim) + " elements");
}

void read_experts(Keys& keys, const Family& family, Hyperparameters& out) {
  out.n_experts = keys.integer("expert_count", 0, 0, 65536);
  out.experts_per_token = keys.integer("expert_used_count", 0, 0, out.n_experts);
  // The first files of qwen2moe leave both lengths out; llama.cpp then takes these.
  const int64_t share =
      family.has_shared_expert ? out.ffn / std::max<int64_t>(out.experts_per_token, 1) : out.ffn;
  out.expert_ffn = keys.integer("expert_feed_forward_length", share, 1, int64_t{1} << 24);
  out.shared_expert_ffn = keys.integer("expert_shared_feed_forward_length",
                                       family.has_shared_expert ? out.ffn : 0, 0, int64_t{1} << 24);
  out.normalise_expert_weights = keys.boolean("expert_weights_norm").value_or(family.normalises_experts);
  if (const auto scale = keys.number("expert_weights_scale"); scale && *scale != 1.0 && *scale != 0.0)
    keys.fail("expert_weights_scale", "is not supported", ErrorCode::unsupported);
  if (const int64_t gating = keys.integer("expert_gating_func", 1, 0, 100); gating > 1)
    keys.fail("expert_gating_func", "is not softmax, which is not supported", ErrorCode::unsupported);
  if (keys.integer("expert_shared_count", 0, 0, 65536) > 1 ||
      keys.integer("leading_dense_block_count", 0, 0, 65536) > 0 ||
      keys.integer("expert_group_count", 0, 0, 65536) > 1)
    keys.fail("expert_*", "asks for an arrangement that is not supported", ErrorCode::unsupported);
  keys.integer("expert_group_used_count", 0, 0, 65536);
  if (out.n_experts > 0 && out.experts_per_token == 0) keys.fail("expert_used_count", "is missing");
}

void read_scales(Keys& keys, const Family& family, Hyperparameters& out) {
  const double head = static_cast<double>(std::max<int64_t>(out.head_dim, 1));
  const bool is_large = family.large_layers > 0 && out.n_layers == family.large_layers;
  const double basis =
      is_large ? static_cast<double>(out.hidden) / static_cast<double>(std::max<int64_t>(out.n_heads, 1))
               : head;
  out.attention_scale = 1.0 / std::sqrt(basis);
  if (const auto scale = keys.number("attention.scale"); scale && *scale != 0.0) out.attention_scale = *scale;
  out.attention_softcap = keys.number("attn_logit_softcapping").value_or(family.attention_softcap_default);
  out.final_softcap = keys.number("final_logit_softcapping").value_or(family.final_softcap_default);
  out.embedding_scale = family.scales_embedding ? std::sqrt(static_cast<double>(out.hidden)) : 1.0;
  if (const auto scale = keys.number("embedding_scale"); scale && *scale != 0.0) out.embedding_scale = *scale;
  if (const auto scale = keys.number("residual_scale"); scale && *scale != 0.0) out.residual_scale = *scale;
  if (const auto scale = keys.number("logit_scale"); scale && *scale != 0.0) out.logit_scale = 1.0 / *scale;
  if (keys.boolean("use_parallel_residual").value_or(false))
    keys.fail("use_parallel_residual", "is not supported", ErrorCode::unsupported);
  for (const char* key : {"attention.clamp_kqv", "attention.max_alibi_bias"})
    if (keys.number(key).value_or(0.0) != 0.0) keys.fail(key, "is not supported", ErrorCode::unsupported);
}

void read_layers(Keys& keys, const Family& family, Hyperparameters& out) {
  out.sliding_window = keys.integer("attention.sliding_window", family.window_default, 0, int64_t{1} << 40);
  out.layer_slides = window_layers(family.window, out.n_layers, out.n_layers);
  if (family.window == WindowPattern::from_max_window)
    out.layer_slides.assign(static_cast<size_t>(out.n_layers), out.sliding_window > 0);
  if (const GgufValue* pattern = keys.find("attention.sliding_window_pattern")) {
    if (pattern->is_array && pattern->count == static_cast<uint64_t>(out.n_layers) &&
        pattern->element == formats::GgufType::boolean)
      for (size_t i = 0; i < out.layer_slides.size(); ++i) out.layer_slides[i] = pattern->bytes[i] != 0;
    else
      keys.fail("attention.sliding_window_pattern", "is not one truth value a layer", ErrorCode::unsupported);
  }
  out.layer_has_rope = rope_layers(family.no_rope_interval, out.n_layers);
  out.layer_has_experts.assign(static_cast<size_t>(out.n_layers), out.n_experts > 0);
  if (keys.integer("interleave_moe_layer_step", 1, 0, 65536) > 1)
    keys.fail("interleave_moe_layer_step", "is not supported", ErrorCode::unsupported);
}

}  // namespace

Result<Hyperparameters> read_gguf_hyperparameters(const formats::Gguf& file, const Family& family) {
  Keys keys(file.metadata(), family.gguf);
  Hyperparameters out;
  const formats::TensorInfo* embedding = file.find_or_null("token_embd.weight");
  if (!embedding || embedding->shape.size() != 2)
    return Error{ErrorCode::corrupt, "the tensor token_embd.weight is missing or is no matrix"};
  read_shape(keys, family, embedding->shape[0], out);
  if (keys.error()) return *keys.error();
  out.norm_epsilon = keys.number("attention.layer_norm_rms_epsilon").value_or(-1.0);
  if (out.norm_epsilon < 0.0) keys.fail("attention.layer_norm_rms_epsilon", "is missing or negative");
  out.activation = family.activation;
  read_experts(keys, family, out);
  read_scales(keys, family, out);
  read_layers(keys, family, out);
  out.rope.theta = keys.number("rope.freq_base").value_or(10000.0);
  read_scaling(keys, out.rope);
  const double local_theta = keys.number("rope.freq_base_swa").value_or(family.local_theta);
  if (family.local_theta > 0.0) {
    out.local_rope = RopeParameters{};
    out.local_rope->theta = local_theta;
  }
  if (keys.error()) return *keys.error();
  if (const auto key = keys.unknown_key())
    return Error{ErrorCode::unsupported, "the metadata key " + formats::in_quotes(*key) +
                                             " is not understood, so the model cannot be run faithfully"};

  FABULA_ASSIGN(auto frequencies, read_factors(file, "rope_freqs.weight", out.rotary_dim / 2));
  FABULA_ASSIGN(auto short_factors, read_factors(file, "rope_factors_short.weight", out.rotary_dim / 2));
  FABULA_ASSIGN(out.rope.long_factors, read_factors(file, "rope_factors_long.weight", out.rotary_dim / 2));
  if (!short_factors.empty() || !out.rope.long_factors.empty()) {
    if (short_factors.empty() || out.rope.long_factors.empty() || !frequencies.empty())
      return Error{
          ErrorCode::corrupt,
          "of the tensors rope_factors_short, rope_factors_long and rope_freqs the wrong ones are there"};
    out.rope.scaling = RopeScaling::longrope;
    if (!out.rope.attention_factor) out.rope.attention_factor = 1.0;
  }
  out.rope.short_factors = frequencies.empty() ? std::move(short_factors) : std::move(frequencies);
  return out;
}

}  // namespace fabula::model
