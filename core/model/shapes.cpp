#include "core/model/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numbers>

#include "core/base/hash.h"
#include "core/formats/quant.h"
#include "core/formats/tensor_index.h"
#include "core/model/spec_builder.h"

namespace fabula::model {

namespace {

using formats::DType;

constexpr std::array table = {
    // name, layers, hidden, heads, KV heads, ffn, vocabulary, context, tied, theta, factor
    Shape{"story", 2, 128, 8, 4, 384, 2048, 512, true, 10000.0, 1.0},  // TinyStories-656K
    Shape{"smollm2-135m", 30, 576, 9, 3, 1536, 49152, 8192, true, 100000.0, 1.0},
    Shape{"llama-3.2-1b", 16, 2048, 32, 8, 8192, 128256, 131072, true, 500000.0, 32.0},
    Shape{"llama-3.1-8b", 32, 4096, 32, 8, 14336, 128256, 131072, false, 500000.0, 8.0},
};

uint64_t mix(uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

double uniform(uint64_t counter) {
  return (static_cast<double>(mix(counter) >> 11) + 0.5) * 0x1p-53;
}

float normal(uint64_t counter) {  // Box and Muller
  const double radius = std::sqrt(-2.0 * std::log(uniform(2 * counter)));
  return static_cast<float>(radius * std::cos(2.0 * std::numbers::pi * uniform(2 * counter + 1)));
}

// Blocks to draw from. A tensor's bytes are runs of pool blocks, chosen by its name and the run's number.
class Pool {
 public:
  Pool(DType type, float mean, float deviation)
      : info_(formats::dtype_info(type)), bytes_(n_blocks * static_cast<size_t>(info_.block_bytes)) {
    std::vector<float> values(n_blocks * static_cast<size_t>(info_.block_elements));
    for (size_t i = 0; i < values.size(); ++i) values[i] = mean + deviation * normal(i);
    formats::quantize(type, values.data(), bytes_.data(), static_cast<int64_t>(values.size()));
  }

  void read(uint64_t tensor, uint64_t begin, std::span<std::byte> out) const {
    const uint64_t run_bytes = run_blocks * static_cast<uint64_t>(info_.block_bytes);
    while (!out.empty()) {
      const uint64_t run = begin / run_bytes, within = begin % run_bytes;
      const uint64_t first =
          mix(tensor ^ mix(run)) % (n_blocks - run_blocks) * static_cast<uint64_t>(info_.block_bytes);
      const size_t n = std::min<uint64_t>(out.size(), run_bytes - within);
      std::memcpy(out.data(), bytes_.data() + first + within, n);
      out = out.subspan(n);
      begin += n;
    }
  }

 private:
  static constexpr size_t run_blocks = 64, n_blocks = 4096;
  const formats::DTypeInfo& info_;
  std::vector<std::byte> bytes_;
};

class SyntheticSource final : public formats::TensorSource {
 public:
  SyntheticSource(formats::TensorIndex index, DType matrices)
      : index_(std::move(index)), matrices_(matrices, 0.0f, 0.02f), norms_(DType::f32, 1.0f, 0.05f) {}

  std::span<const formats::TensorInfo> tensors() const override { return index_.tensors(); }
  const formats::TensorInfo* find_or_null(std::string_view name) const override {
    return index_.find_or_null(name);
  }
  Status read(const formats::TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const override {
    if (begin > tensor.bytes || out.size() > tensor.bytes - begin)
      return Error{ErrorCode::invalid_argument,
                   "bytes outside the tensor " + tensor.name + " were asked for"};
    (tensor.shape.size() == 1 ? norms_ : matrices_).read(fnv1a(tensor.name), begin, out);
    return {};
  }

 private:
  formats::TensorIndex index_;
  Pool matrices_, norms_;
};

class TensorList {
 public:
  explicit TensorList(DType matrices) : matrices_(matrices) {}
  void vector(const std::string& name, int64_t size) { add(name, DType::f32, {size}); }
  void matrix(const std::string& name, int64_t rows, int64_t cols) { add(name, matrices_, {rows, cols}); }
  std::vector<formats::TensorInfo> take() { return std::move(tensors_); }

 private:
  void add(const std::string& name, DType type, std::vector<int64_t> shape) {
    formats::TensorInfo tensor;
    tensor.name = name + ".weight";
    tensor.type = type;
    tensor.shape = std::move(shape);
    tensor.bytes = formats::row_bytes(type, tensor.elements());
    tensors_.push_back(std::move(tensor));
  }
  DType matrices_;
  std::vector<formats::TensorInfo> tensors_;
};

std::vector<formats::TensorInfo> list_tensors(const Hyperparameters& hyper, const Family& family,
                                              DType matrices) {
  TensorList list(matrices);
  const ModelNames ends = model_names(Convention::gguf);
  list.matrix(ends.embedding, hyper.vocab, hyper.hidden);
  if (!hyper.tied) list.matrix(ends.head, hyper.vocab, hyper.hidden);
  list.vector(ends.final_norm, hyper.hidden);
  const int64_t q_rows = hyper.n_heads * hyper.head_dim, kv_rows = hyper.n_kv_heads * hyper.head_dim;
  for (int64_t i = 0; i < hyper.n_layers; ++i) {
    const LayerNames names = layer_names(Convention::gguf, family, i);
    list.vector(names.attention_norm, hyper.hidden);
    list.vector(names.ffn_norm, hyper.hidden);
    list.matrix(names.q, q_rows, hyper.hidden);
    list.matrix(names.k, kv_rows, hyper.hidden);
    list.matrix(names.v, kv_rows, hyper.hidden);
    list.matrix(names.o, hyper.hidden, q_rows);
    list.matrix(names.gate, hyper.ffn, hyper.hidden);
    list.matrix(names.up, hyper.ffn, hyper.hidden);
    list.matrix(names.down, hyper.hidden, hyper.ffn);
  }
  return list.take();
}

Hyperparameters hyperparameters_of(const Shape& shape) {
  Hyperparameters hyper;
  hyper.n_layers = shape.n_layers;
  hyper.hidden = shape.hidden;
  hyper.n_heads = shape.n_heads;
  hyper.n_kv_heads = shape.n_kv_heads;
  hyper.head_dim = hyper.rotary_dim = shape.hidden / shape.n_heads;
  hyper.ffn = shape.ffn;
  hyper.vocab = shape.vocab;
  hyper.context_length = shape.context_length;
  hyper.tied = shape.tied;
  hyper.attention_scale = 1.0 / std::sqrt(static_cast<double>(hyper.head_dim));
  const auto layers = static_cast<size_t>(shape.n_layers);
  hyper.layer_slides.assign(layers, false);
  hyper.layer_has_rope.assign(layers, true);
  hyper.layer_has_experts.assign(layers, false);
  hyper.rope.theta = shape.rope_theta;
  if (shape.rope_factor != 1.0) {
    hyper.rope.scaling = RopeScaling::llama3;
    hyper.rope.factor = shape.rope_factor;
    hyper.rope.original_context = 8192.0;
  }
  return hyper;
}

}  // namespace

std::span<const Shape> shapes() {
  return table;
}

Result<SyntheticModel> make_synthetic_model(std::string_view name, DType matrices) {
  std::string known;
  const Shape* shape = nullptr;
  for (const Shape& candidate : table) {
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
    if (candidate.name == name) shape = &candidate;
  }
  if (!shape)
    return Error{ErrorCode::not_found, "there is no shape \"" + std::string(name) + "\"; there are " + known};
  const formats::DTypeInfo& info = formats::dtype_info(matrices);
  if (!formats::can_quantize(matrices) || shape->hidden % info.block_elements != 0 ||
      shape->ffn % info.block_elements != 0)
    return Error{ErrorCode::unsupported, "weights of the shape " + std::string(name) + " cannot be made as " +
                                             std::string(info.name)};
  const Family& family = *find_family_by_gguf_or_null("llama");
  const Hyperparameters hyper = hyperparameters_of(*shape);
  FABULA_ASSIGN(auto index, formats::TensorIndex::make(list_tensors(hyper, family, matrices)));
  SyntheticModel model;
  model.source = std::make_shared<SyntheticSource>(std::move(index), matrices);
  FABULA_ASSIGN(model.spec, build_spec(hyper, family, Convention::gguf, *model.source));
  return model;
}

}  // namespace fabula::model
