#include "gpu/executor/weight_jobs.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "core/formats/quant.h"

namespace fabula::gpu {

using formats::DType;

std::optional<WeightType> weight_type_of(DType type) {
  switch (type) {
    case DType::f32: return WeightType::f32;
    case DType::f16: return WeightType::f16;
    case DType::bf16: return WeightType::bf16;
    case DType::q8_0: return WeightType::q8_0;
    case DType::q4_0: return WeightType::q4_0;
    case DType::q4_1: return WeightType::q4_1;
    case DType::q5_0: return WeightType::q5_0;
    case DType::q5_1: return WeightType::q5_1;
    case DType::q4_k: return WeightType::q4_k;
    case DType::q5_k: return WeightType::q5_k;
    case DType::q6_k: return WeightType::q6_k;
    default: return std::nullopt;
  }
}

namespace {

using compute::MatrixRef;
using compute::VectorRef;
using formats::TensorInfo;

constexpr int64_t plane_alignment = 256;

int64_t aligned(int64_t bytes) { return (bytes + plane_alignment - 1) / plane_alignment * plane_alignment; }

// Offsets of a matrix's planes within its memory.
struct Planes {
  int64_t codes = 0, high = 0, scales = 0, supers = 0, bytes = 0;
};
Planes planes_of(const Matrix& m) {
  const PackedShape s = packed_shape(m.type);
  const int64_t chunks = static_cast<int64_t>(m.tiles) * m.chunks, supers = static_cast<int64_t>(m.tiles) * ((m.chunks + 3) / 4);
  Planes p;
  p.high = p.codes + aligned(chunks * s.units * 512);
  p.scales = p.high + aligned(chunks * 32 * s.high_bytes);
  p.supers = p.scales + aligned(chunks * tile_rows * s.scale_bytes);
  p.bytes = p.supers + aligned(supers * tile_rows * s.super_bytes);
  return p;
}

}  // namespace

int64_t packed_bytes(const Matrix& matrix) { return planes_of(matrix).bytes; }

void place(Matrix& m, const uint8_t* base, int64_t expert_bytes) {
  const Planes p = planes_of(m);
  const PackedShape s = packed_shape(m.type);
  m.codes = base + p.codes;
  m.high = s.high_bytes ? base + p.high : nullptr;
  m.scales = s.scale_bytes ? base + p.scales : nullptr;
  m.supers = s.super_bytes ? base + p.supers : nullptr;
  m.expert_bytes = expert_bytes;
}

namespace {

Error wrong_shape(const TensorInfo& tensor, const std::string& expected) {
  std::string found;
  for (const int64_t d : tensor.shape) found += (found.empty() ? "" : " x ") + std::to_string(d);
  return {ErrorCode::corrupt, "tensor " + tensor.name + " is " + found + ", expected " + expected};
}

Status check_shape(const MatrixRef& ref, int64_t rows, int64_t cols) {
  const TensorInfo& t = *ref.tensor;
  const formats::DTypeInfo& type = formats::dtype_info(t.type);
  const int64_t stored = ref.cols > 0 ? t.elements() / ref.cols : 0;
  const int64_t per_expert = t.shape.size() == 3 ? t.shape[1] : stored;
  if (ref.rows != rows || ref.cols != cols || ref.row_begin < 0 || ref.expert < 0 || cols % type.block_elements != 0 ||
      ref.row_begin + rows > per_expert || (ref.expert + 1) * per_expert > stored)
    return wrong_shape(t, std::to_string(ref.row_begin + rows) + " rows of " + std::to_string(cols) + " columns");
  if (!formats::can_dequantize(t.type))
    return Error{ErrorCode::unsupported, "tensor " + t.name + " has type " + std::string(type.name) + ", which holds no weights"};
  return {};
}

class Lister {
 public:
  Lister(const compute::ModelSpec& spec, Weights& weights) : spec_(spec), weights_(weights) {}
  Status list_all();
  WeightJobs take() { return std::move(list_); }

 private:
  Status list_layer(const compute::LayerSpec& from, LayerWeights& to);
  Status add(std::vector<MatrixRef> refs, int64_t rows, int64_t cols, Matrix& target);
  Status matrix(const MatrixRef& ref, int64_t rows, int64_t cols, Matrix& target);
  Status experts(const std::vector<MatrixRef>& refs, int64_t rows, int64_t cols, Matrix& target);
  Status vector(const VectorRef& ref, int64_t size, const float*& target, float plus = 0);

  const compute::ModelSpec& spec_;
  Weights& weights_;
  WeightJobs list_;
  std::map<std::tuple<const TensorInfo*, int64_t, int64_t, int64_t>, size_t> known_;
};

Status Lister::add(std::vector<MatrixRef> refs, int64_t rows, int64_t cols, Matrix& target) {
  for (const MatrixRef& ref : refs) FABULA_TRY(check_shape(ref, rows, cols));
  const MatrixRef& first = refs.front();
  const auto [found, is_new] = known_.try_emplace({first.tensor, first.row_begin, rows, first.expert}, list_.matrices.size());
  if (is_new) {
    Job& job = list_.matrices.emplace_back();
    job.refs = std::move(refs);
    job.matrix.rows = static_cast<int32_t>(rows);
    job.matrix.columns = static_cast<int32_t>(cols);
    job.matrix.tiles = static_cast<int32_t>((rows + tile_rows - 1) / tile_rows);
    job.matrix.chunks = static_cast<int32_t>((cols + chunk_columns - 1) / chunk_columns);
  }
  list_.matrices[found->second].targets.push_back(&target);
  return {};
}

Status Lister::matrix(const MatrixRef& ref, int64_t rows, int64_t cols, Matrix& target) { return ref ? add({ref}, rows, cols, target) : Status{}; }

Status Lister::experts(const std::vector<MatrixRef>& refs, int64_t rows, int64_t cols, Matrix& target) {
  if (refs.empty()) return {};
  for (const MatrixRef& ref : refs)
    if (!ref || ref.tensor->type != refs.front().tensor->type)
      return Error{ErrorCode::unsupported, "the experts of a layer are stored in different types"};
  return add(refs, rows, cols, target);
}

Status Lister::vector(const VectorRef& ref, int64_t size, const float*& target, float plus) {
  if (!ref) return {};
  if (ref.size != size || ref.begin < 0 || ref.begin + size > ref.tensor->elements() || formats::is_quantised(ref.tensor->type) ||
      !formats::can_dequantize(ref.tensor->type))
    return wrong_shape(*ref.tensor, std::to_string(size) + " floats");
  list_.vectors.push_back({ref, plus, &target, list_.vector_floats});
  list_.vector_floats += static_cast<size_t>((size + 15) / 16 * 16);
  return {};
}

Status Lister::list_layer(const compute::LayerSpec& from, LayerWeights& to) {
  const int64_t hidden = spec_.hidden, q = spec_.n_heads * spec_.head_dim, kv = spec_.n_kv_heads * spec_.head_dim;
  const float plus = spec_.norm_weight_plus_one ? 1.0f : 0.0f;
  const struct { const VectorRef& ref; int64_t size; const float*& target; float plus; } vectors[] = {
      {from.attention_norm, hidden, to.attention_norm, plus}, {from.attention_norm_bias, hidden, to.attention_norm_bias, 0},
      {from.q_bias, q, to.q_bias, 0}, {from.k_bias, kv, to.k_bias, 0}, {from.v_bias, kv, to.v_bias, 0}, {from.o_bias, hidden, to.o_bias, 0},
      {from.q_norm, spec_.qk_norm_per_head ? spec_.head_dim : q, to.q_norm, plus},
      {from.k_norm, spec_.qk_norm_per_head ? spec_.head_dim : kv, to.k_norm, plus},
      {from.post_attention_norm, hidden, to.post_attention_norm, plus}, {from.ffn_norm, hidden, to.ffn_norm, plus},
      {from.ffn_norm_bias, hidden, to.ffn_norm_bias, 0}, {from.gate_bias, spec_.ffn, to.gate_bias, 0},
      {from.up_bias, spec_.ffn, to.up_bias, 0}, {from.down_bias, hidden, to.down_bias, 0},
      {from.post_ffn_norm, hidden, to.post_ffn_norm, plus}};
  for (const auto& v : vectors) FABULA_TRY(vector(v.ref, v.size, v.target, v.plus));
  const struct { const MatrixRef& ref; int64_t rows, cols; Matrix& target; } matrices[] = {
      {from.q, q, hidden, to.q}, {from.k, kv, hidden, to.k}, {from.v, kv, hidden, to.v}, {from.o, hidden, q, to.o},
      {from.gate, spec_.ffn, hidden, to.gate}, {from.up, spec_.ffn, hidden, to.up}, {from.down, hidden, spec_.ffn, to.down},
      {from.router, spec_.n_experts, hidden, to.router}, {from.shared_gate, spec_.shared_expert_ffn, hidden, to.shared_gate},
      {from.shared_up, spec_.shared_expert_ffn, hidden, to.shared_up}, {from.shared_down, hidden, spec_.shared_expert_ffn, to.shared_down},
      {from.shared_router, 1, hidden, to.shared_router}};
  for (const auto& m : matrices) FABULA_TRY(matrix(m.ref, m.rows, m.cols, m.target));
  FABULA_TRY(experts(from.expert_gate, spec_.expert_ffn, hidden, to.expert_gate));
  FABULA_TRY(experts(from.expert_up, spec_.expert_ffn, hidden, to.expert_up));
  return experts(from.expert_down, hidden, spec_.expert_ffn, to.expert_down);
}

Status Lister::list_all() {
  weights_.layers.resize(spec_.layers.size());
  for (size_t i = 0; i < spec_.layers.size(); ++i) FABULA_TRY(list_layer(spec_.layers[i], weights_.layers[i]));
  FABULA_TRY(matrix(spec_.head, spec_.vocab, spec_.hidden, weights_.head));
  FABULA_TRY(matrix(spec_.embedding, spec_.vocab, spec_.hidden, weights_.embedding));
  FABULA_TRY(vector(spec_.head_bias, spec_.vocab, weights_.head_bias));
  FABULA_TRY(vector(spec_.final_norm, spec_.hidden, weights_.final_norm, spec_.norm_weight_plus_one ? 1.0f : 0.0f));
  return vector(spec_.final_norm_bias, spec_.hidden, weights_.final_norm_bias);
}

}  // namespace

Result<WeightJobs> list_weights(const compute::ModelSpec& spec, Weights& weights) {
  Lister lister(spec, weights);
  FABULA_TRY(lister.list_all());
  return lister.take();
}

uint64_t bytes_per_token(const Job& job, const compute::ModelSpec& spec, const Weights& weights) {
  const auto bytes = static_cast<uint64_t>(packed_bytes(job.matrix));
  if (job.refs.size() > 1) return bytes * static_cast<uint64_t>(spec.experts_per_token);
  return job.targets.front() == &weights.embedding ? bytes / static_cast<uint64_t>(std::max(1, job.matrix.rows)) : bytes;
}

}  // namespace fabula::gpu
