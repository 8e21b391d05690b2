#include "core/compute/cpu/weight_list.h"

#include <map>
#include <string>
#include <tuple>

#include "core/formats/quant.h"

namespace fabula::compute::cpu {

namespace {

using formats::MatrixRole;
using formats::TensorInfo;

class Lister {
 public:
  Lister(const ModelSpec& spec, Weights& weights) : spec_(spec), weights_(weights) {}

  Status list_all();
  WeightList take() { return std::move(list_); }

 private:
  Status list_layer(const LayerSpec& from, LayerWeights& to);
  Status matrix(const MatrixRef& ref, int64_t rows, int64_t cols, PackedMatrix& target, MatrixRole role = MatrixRole::inner);
  Status experts(const std::vector<MatrixRef>& refs, int64_t rows, int64_t cols, std::vector<PackedMatrix>& targets);
  Status vector(const VectorRef& ref, int64_t size, const float*& target, float offset = 0.0f);

  const ModelSpec& spec_;
  Weights& weights_;
  WeightList list_;
  std::map<std::tuple<const TensorInfo*, int64_t, int64_t, int64_t>, size_t> known_;
};

Error wrong_shape(const TensorInfo& tensor, const std::string& expected) {
  std::string found;
  for (int64_t d : tensor.shape) found += (found.empty() ? "" : " x ") + std::to_string(d);
  return {ErrorCode::corrupt, "tensor " + tensor.name + " is " + found + ", expected " + expected};
}

Status Lister::matrix(const MatrixRef& ref, int64_t rows, int64_t cols, PackedMatrix& target, MatrixRole role) {
  if (!ref) return {};
  const TensorInfo& t = *ref.tensor;
  const formats::DTypeInfo& type = formats::dtype_info(t.type);
  const int64_t stored = ref.cols > 0 ? t.elements() / ref.cols : 0;
  if (ref.rows != rows || ref.cols != cols || ref.row_begin < 0 || ref.expert < 0 || cols % type.block_elements != 0)
    return wrong_shape(t, std::to_string(rows) + " rows of " + std::to_string(cols) + " columns");
  const int64_t rows_per_expert = t.shape.size() == 3 ? t.shape[1] : stored;
  if (ref.row_begin + rows > rows_per_expert || (ref.expert + 1) * rows_per_expert > stored)
    return wrong_shape(t, "at least " + std::to_string(ref.row_begin + rows) + " rows of " + std::to_string(cols) + " columns");
  if (!formats::can_dequantize(t.type))
    return Error{ErrorCode::unsupported, "tensor " + t.name + " has type " + std::string(type.name) + ", which holds no weights"};
  const auto [place, is_new] = known_.try_emplace({&t, ref.row_begin, rows, ref.expert}, list_.matrices.size());
  if (is_new) list_.matrices.push_back({.ref = ref, .role = role, .targets = {}});
  list_.matrices[place->second].targets.push_back(&target);
  return {};
}

Status Lister::experts(const std::vector<MatrixRef>& refs, int64_t rows, int64_t cols, std::vector<PackedMatrix>& targets) {
  targets.resize(refs.size());
  for (size_t i = 0; i < refs.size(); ++i) FABULA_TRY(matrix(refs[i], rows, cols, targets[i]));
  return {};
}

Status Lister::vector(const VectorRef& ref, int64_t size, const float*& target, float offset) {
  if (!ref) return {};
  if (ref.size != size || ref.begin < 0 || ref.begin + size > ref.tensor->elements() || formats::is_quantised(ref.tensor->type) ||
      !formats::can_dequantize(ref.tensor->type))
    return wrong_shape(*ref.tensor, std::to_string(size) + " floats");
  list_.vectors.push_back({ref, offset, &target, list_.vector_floats});
  list_.vector_floats += static_cast<size_t>((size + 15) / 16 * 16);
  return {};
}

Status Lister::list_layer(const LayerSpec& from, LayerWeights& to) {
  const int64_t hidden = spec_.hidden, q = spec_.n_heads * spec_.head_dim, kv = spec_.n_kv_heads * spec_.head_dim;
  const float plus = spec_.norm_weight_plus_one ? 1.0f : 0.0f;
  FABULA_TRY(vector(from.attention_norm, hidden, to.attention_norm, plus));
  FABULA_TRY(vector(from.attention_norm_bias, hidden, to.attention_norm_bias));
  FABULA_TRY(matrix(from.q, q, hidden, to.q));
  FABULA_TRY(matrix(from.k, kv, hidden, to.k));
  FABULA_TRY(matrix(from.v, kv, hidden, to.v));
  FABULA_TRY(matrix(from.o, hidden, q, to.o));
  FABULA_TRY(vector(from.q_bias, q, to.q_bias));
  FABULA_TRY(vector(from.k_bias, kv, to.k_bias));
  FABULA_TRY(vector(from.v_bias, kv, to.v_bias));
  FABULA_TRY(vector(from.o_bias, hidden, to.o_bias));
  FABULA_TRY(vector(from.q_norm, spec_.qk_norm_per_head ? spec_.head_dim : q, to.q_norm, plus));
  FABULA_TRY(vector(from.k_norm, spec_.qk_norm_per_head ? spec_.head_dim : kv, to.k_norm, plus));
  FABULA_TRY(vector(from.post_attention_norm, hidden, to.post_attention_norm, plus));
  FABULA_TRY(vector(from.ffn_norm, hidden, to.ffn_norm, plus));
  FABULA_TRY(vector(from.ffn_norm_bias, hidden, to.ffn_norm_bias));
  FABULA_TRY(matrix(from.gate, spec_.ffn, hidden, to.gate));
  FABULA_TRY(matrix(from.up, spec_.ffn, hidden, to.up));
  FABULA_TRY(matrix(from.down, hidden, spec_.ffn, to.down));
  FABULA_TRY(vector(from.gate_bias, spec_.ffn, to.gate_bias));
  FABULA_TRY(vector(from.up_bias, spec_.ffn, to.up_bias));
  FABULA_TRY(vector(from.down_bias, hidden, to.down_bias));
  FABULA_TRY(vector(from.post_ffn_norm, hidden, to.post_ffn_norm, plus));
  FABULA_TRY(matrix(from.router, spec_.n_experts, hidden, to.router, MatrixRole::router));
  FABULA_TRY(experts(from.expert_gate, spec_.expert_ffn, hidden, to.expert_gate));
  FABULA_TRY(experts(from.expert_up, spec_.expert_ffn, hidden, to.expert_up));
  FABULA_TRY(experts(from.expert_down, hidden, spec_.expert_ffn, to.expert_down));
  FABULA_TRY(matrix(from.shared_gate, spec_.shared_expert_ffn, hidden, to.shared_gate));
  FABULA_TRY(matrix(from.shared_up, spec_.shared_expert_ffn, hidden, to.shared_up));
  FABULA_TRY(matrix(from.shared_down, hidden, spec_.shared_expert_ffn, to.shared_down));
  return matrix(from.shared_router, 1, hidden, to.shared_router, MatrixRole::router);
}

Status Lister::list_all() {
  weights_.layers.resize(spec_.layers.size());
  for (size_t i = 0; i < spec_.layers.size(); ++i) FABULA_TRY(list_layer(spec_.layers[i], weights_.layers[i]));
  FABULA_TRY(matrix(spec_.head, spec_.vocab, spec_.hidden, weights_.head, MatrixRole::output));
  FABULA_TRY(matrix(spec_.embedding, spec_.vocab, spec_.hidden, weights_.embedding));
  FABULA_TRY(vector(spec_.head_bias, spec_.vocab, weights_.head_bias));
  FABULA_TRY(vector(spec_.final_norm, spec_.hidden, weights_.final_norm, spec_.norm_weight_plus_one ? 1.0f : 0.0f));
  return vector(spec_.final_norm_bias, spec_.hidden, weights_.final_norm_bias);
}

}  // namespace

Result<WeightList> list_weights(const ModelSpec& spec, Weights& weights) {
  Lister lister(spec, weights);
  FABULA_TRY(lister.list_all());
  return lister.take();
}

}  // namespace fabula::compute::cpu
