#include "tests/core/compute/random_model.h"

#include <cmath>
#include <cstring>

#include "core/base/numeric.h"
#include "core/formats/quant.h"

namespace fabula::test {

using formats::DType;
using formats::TensorInfo;

namespace {

// Any codes with scales for values of about `scale`, for types that nothing here quantises to.
void fill_with_blocks(DType type, double scale, std::span<std::byte> bytes, std::mt19937_64& random) {
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  const auto block_bytes = static_cast<size_t>(formats::dtype_info(type).block_bytes);
  for (size_t block = 0; block < bytes.size(); block += block_bytes) {
    const double size = scale * (0.5 + static_cast<double>(random() % 64) / 64);
    if (type == DType::mxfp4) {  // 2^(e - 127) times 0 .. 6
      bytes[block] = static_cast<std::byte>(126 + static_cast<int>(std::lround(std::log2(size))));
      continue;
    }
    constexpr double usual_code = 64, usual_factor = 16;  // of iq4: -127 .. 113, and -32 .. 31 times that in iq4_xs
    const uint16_t half = f32_to_f16(static_cast<float>(size / usual_code / (type == DType::iq4_xs ? usual_factor : 1)));
    std::memcpy(bytes.data() + block, &half, sizeof half);
  }
}

}  // namespace

const TensorInfo* MemorySource::add(const std::string& name, std::vector<int64_t> shape, DType type, double scale, double offset,
                                    std::mt19937_64& random) {
  if (shape.back() % formats::dtype_info(type).block_elements != 0) type = DType::f16;
  TensorInfo info{.name = name, .type = type, .shape = std::move(shape)};
  const int64_t n = info.elements();
  std::vector<float> values(static_cast<size_t>(n));
  std::normal_distribution<double> normal;
  for (float& v : values) v = static_cast<float>(normal(random) * scale + offset);
  std::vector<std::byte>& bytes = bytes_[name];
  info.bytes = formats::row_bytes(type, n);
  bytes.resize(info.bytes);
  if (formats::can_quantize(type)) formats::quantize(type, values.data(), bytes.data(), n);
  else fill_with_blocks(type, scale, bytes, random);
  infos_.push_back(std::move(info));
  return &infos_.back();
}

const TensorInfo* MemorySource::find_or_null(std::string_view name) const {
  for (const TensorInfo& info : infos_)
    if (info.name == name) return &info;
  return nullptr;
}

Status MemorySource::read(const TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const {
  const std::vector<std::byte>& bytes = bytes_.at(tensor.name);
  if (begin + out.size() > bytes.size()) return Error{ErrorCode::corrupt, "read beyond the tensor " + tensor.name};
  std::memcpy(out.data(), bytes.data() + begin, out.size());
  return {};
}

namespace {

class Maker {
 public:
  Maker(const RandomModelOptions& o, RandomModel& out) : o_(o), out_(out), random_(o.seed) {}

  void make() {
    compute::ModelSpec& s = out_.spec;
    s.n_layers = o_.layers;
    s.hidden = o_.hidden;
    s.n_heads = o_.heads;
    s.n_kv_heads = o_.kv_heads;
    s.head_dim = o_.head_dim;
    s.ffn = o_.ffn;
    s.vocab = o_.vocab;
    s.context_length = 4096;
    s.norm = o_.layer_norm ? compute::NormKind::layer : compute::NormKind::rms;
    s.activation = o_.activation;
    s.rope_pairing = o_.pairing;
    s.qk_norm_per_head = o_.qk_norm_per_head;
    s.embedding_scale = o_.embedding_scale;
    s.attention_scale = 1.0f / std::sqrt(static_cast<float>(o_.head_dim));
    s.attention_softcap = o_.attention_softcap;
    s.final_softcap = o_.final_softcap;
    s.residual_scale = o_.residual_scale;
    s.logit_scale = o_.logit_scale;
    s.n_experts = o_.experts;
    s.experts_per_token = o_.experts_per_token;
    s.expert_ffn = o_.experts ? o_.ffn : 0;
    s.shared_expert_ffn = o_.shared_expert ? o_.ffn : 0;
    s.normalise_expert_weights = !o_.shared_expert;
    compute::RopeTable rope{.rotary_dim = o_.rotary_dim ? o_.rotary_dim : static_cast<int>(o_.head_dim)};
    for (int i = 0; i < rope.rotary_dim / 2; ++i) rope.inv_freq.push_back(std::pow(10000.0, -2.0 * i / rope.rotary_dim));
    s.ropes.push_back(rope);
    s.embedding = matrix("embedding", o_.vocab, o_.hidden);
    s.head = o_.tied ? s.embedding : matrix("head", o_.vocab, o_.hidden);
    s.final_norm = norm("final_norm", o_.hidden);
    if (o_.layer_norm) s.final_norm_bias = bias("final_norm_bias", o_.hidden);
    for (int64_t i = 0; i < o_.layers; ++i) s.layers.push_back(layer(i));
  }

 private:
  compute::MatrixRef matrix(const std::string& name, int64_t rows, int64_t cols) {
    const double scale = name == "embedding" ? 1.0 : 1.0 / std::sqrt(static_cast<double>(cols));
    return {out_.source.add(name, {rows, cols}, o_.type, scale, 0, random_), 0, rows, cols, 0};
  }
  compute::VectorRef norm(const std::string& name, int64_t n) { return {out_.source.add(name, {n}, DType::f32, 0.2, 1.0, random_), 0, n}; }
  compute::VectorRef bias(const std::string& name, int64_t n) { return {out_.source.add(name, {n}, DType::f32, 0.1, 0.0, random_), 0, n}; }

  compute::LayerSpec layer(int64_t i) {
    compute::LayerSpec l;
    const std::string p = "layer." + std::to_string(i) + ".";
    const int64_t q = o_.heads * o_.head_dim, kv = o_.kv_heads * o_.head_dim;
    l.rope = o_.no_rope_layer && i == 1 ? -1 : 0;
    l.sliding_window = i % 2 == 0 ? o_.sliding_window : 0;
    if (o_.pre_norms) {
      l.attention_norm = norm(p + "attention_norm", o_.hidden);
      l.ffn_norm = norm(p + "ffn_norm", o_.hidden);
      if (o_.layer_norm) {
        l.attention_norm_bias = bias(p + "attention_norm_bias", o_.hidden);
        l.ffn_norm_bias = bias(p + "ffn_norm_bias", o_.hidden);
      }
    }
    // One fused tensor for q, k and v: row offsets are part of the door.
    const TensorInfo* qkv = out_.source.add(p + "qkv", {q + 2 * kv, o_.hidden}, o_.type, 1.0 / std::sqrt(o_.hidden), 0, random_);
    l.q = {qkv, 0, q, o_.hidden, 0};
    l.k = {qkv, q, kv, o_.hidden, 0};
    l.v = {qkv, q + kv, kv, o_.hidden, 0};
    l.o = matrix(p + "o", o_.hidden, q);
    if (o_.biases) {
      l.q_bias = bias(p + "q_bias", q);
      l.k_bias = bias(p + "k_bias", kv);
      l.v_bias = bias(p + "v_bias", kv);
      l.o_bias = bias(p + "o_bias", o_.hidden);
    }
    if (o_.qk_norm) {
      l.q_norm = norm(p + "q_norm", o_.qk_norm_per_head ? o_.head_dim : q);
      l.k_norm = norm(p + "k_norm", o_.qk_norm_per_head ? o_.head_dim : kv);
    }
    if (o_.post_norms) {
      l.post_attention_norm = norm(p + "post_attention_norm", o_.hidden);
      l.post_ffn_norm = norm(p + "post_ffn_norm", o_.hidden);
    }
    feed_forward(p, l);
    return l;
  }

  void feed_forward(const std::string& p, compute::LayerSpec& l) {
    if (o_.experts == 0) {
      if (o_.gate) l.gate = matrix(p + "gate", o_.ffn, o_.hidden);
      l.up = matrix(p + "up", o_.ffn, o_.hidden);
      l.down = matrix(p + "down", o_.hidden, o_.ffn);
      if (!o_.biases) return;
      if (o_.gate) l.gate_bias = bias(p + "gate_bias", o_.ffn);
      l.up_bias = bias(p + "up_bias", o_.ffn);
      l.down_bias = bias(p + "down_bias", o_.hidden);
      return;
    }
    l.router = matrix(p + "router", o_.experts, o_.hidden);
    const TensorInfo* gate = out_.source.add(p + "experts.gate", {o_.experts, o_.ffn, o_.hidden}, o_.type, 0.1, 0, random_);
    const TensorInfo* up = out_.source.add(p + "experts.up", {o_.experts, o_.ffn, o_.hidden}, o_.type, 0.1, 0, random_);
    const TensorInfo* down = out_.source.add(p + "experts.down", {o_.experts, o_.hidden, o_.ffn}, o_.type, 0.1, 0, random_);
    for (int64_t e = 0; e < o_.experts; ++e) {
      l.expert_gate.push_back({gate, 0, o_.ffn, o_.hidden, e});
      l.expert_up.push_back({up, 0, o_.ffn, o_.hidden, e});
      l.expert_down.push_back({down, 0, o_.hidden, o_.ffn, e});
    }
    if (!o_.shared_expert) return;
    l.shared_gate = matrix(p + "shared_gate", o_.ffn, o_.hidden);
    l.shared_up = matrix(p + "shared_up", o_.ffn, o_.hidden);
    l.shared_down = matrix(p + "shared_down", o_.hidden, o_.ffn);
    l.shared_router = matrix(p + "shared_router", 1, o_.hidden);
  }

  const RandomModelOptions& o_;
  RandomModel& out_;
  std::mt19937_64 random_;
};

}  // namespace

void make_random_model(const RandomModelOptions& options, RandomModel& out) { Maker(options, out).make(); }

std::vector<int32_t> random_tokens(int64_t n, int64_t vocab, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < n; ++i) tokens.push_back(static_cast<int32_t>(random() % static_cast<uint64_t>(vocab)));
  return tokens;
}

}  // namespace fabula::test
