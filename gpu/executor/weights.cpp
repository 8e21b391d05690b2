#include "gpu/executor/weights.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <tuple>

#include "core/base/numeric.h"
#include "core/compute/precision.h"
#include "core/formats/quant.h"
#include "gpu/kernels/kernels.h"

namespace fabula::gpu {

namespace {

using compute::MatrixRef;
using compute::VectorRef;
using formats::DType;
using formats::TensorInfo;

constexpr double acceptable_f16_error = 5e-4;           // NUMERICS 10
constexpr uint64_t staging_bytes = uint64_t{32} << 20;  // of each of two buffers: some 1.3 ms of PCIe 4, far above the cost of a copy
constexpr int64_t plane_alignment = 256;
// 16 warps on each of 132 multiprocessors (linear.h); a constant, so that sums have one order on every device.
constexpr int64_t wanted_warps = 2112;

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

void place(Matrix& m, const uint8_t* base, int64_t expert_bytes) {
  const Planes p = planes_of(m);
  const PackedShape s = packed_shape(m.type);
  m.codes = base + p.codes;
  m.high = s.high_bytes ? base + p.high : nullptr;
  m.scales = s.scale_bytes ? base + p.scales : nullptr;
  m.supers = s.super_bytes ? base + p.supers : nullptr;
  m.expert_bytes = expert_bytes;
}

// One matrix, or all experts of one kind in one layer; the same rows of the same tensor (tied embeddings) are packed once.
struct Job {
  std::vector<MatrixRef> refs;
  Matrix matrix;
  DType effective = DType::f32;
  int64_t offset = 0;
  size_t report = 0;
  std::vector<Matrix*> targets;
};

struct VectorJob {
  VectorRef ref;
  float offset;
  const float** target;
  size_t at;
};

class Loader {
 public:
  Loader(Device& device, const compute::ModelSpec& spec, const formats::TensorSource& source, const compute::LoadOptions& options)
      : device_(device), spec_(spec), source_(source), options_(options) {}

  Result<Weights> load();

 private:
  Status list_all();
  Status list_layer(const compute::LayerSpec& from, LayerWeights& to);
  Status check_shape(const MatrixRef& ref, int64_t rows, int64_t cols) const;
  Status add(std::vector<MatrixRef> refs, int64_t rows, int64_t cols, Matrix& target);
  Status matrix(const MatrixRef& ref, int64_t rows, int64_t cols, Matrix& target);
  Status experts(const std::vector<MatrixRef>& refs, int64_t rows, int64_t cols, Matrix& target);
  Status vector(const VectorRef& ref, int64_t size, const float*& target, float plus = 0);
  Status load_vectors();
  Status choose_type(Job& job);
  Status read_rows(const MatrixRef& ref, int64_t row, int64_t n, std::span<std::byte> out) const;
  Status pack_matrix(const Job& job, const MatrixRef& ref, const Matrix& matrix);
  Status convert(const Job& job, const MatrixRef& ref, std::span<const std::byte> stored, int64_t n, std::byte* out);
  bool cancelled() const { return options_.cancel && options_.cancel->load(); }
  uint64_t share_per_token(const Job& job) const;

  Device& device_;
  const compute::ModelSpec& spec_;
  const formats::TensorSource& source_;
  const compute::LoadOptions& options_;
  Weights weights_;
  std::vector<Job> jobs_;
  std::map<std::tuple<const TensorInfo*, int64_t, int64_t, int64_t>, size_t> known_;
  std::vector<VectorJob> vector_jobs_;
  size_t vector_floats_ = 0;
  Memory on_host_[2], on_device_[2];
  int turn_ = 0;
  uint64_t done_bytes_ = 0, total_bytes_ = 0;
  double squares_ = 0, error_squares_ = 0;  // of the job in work
};

Error wrong_shape(const TensorInfo& tensor, const std::string& expected) {
  std::string found;
  for (const int64_t d : tensor.shape) found += (found.empty() ? "" : " x ") + std::to_string(d);
  return {ErrorCode::corrupt, "tensor " + tensor.name + " is " + found + ", expected " + expected};
}

Status Loader::check_shape(const MatrixRef& ref, int64_t rows, int64_t cols) const {
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

Status Loader::add(std::vector<MatrixRef> refs, int64_t rows, int64_t cols, Matrix& target) {
  for (const MatrixRef& ref : refs) FABULA_TRY(check_shape(ref, rows, cols));
  const MatrixRef& first = refs.front();
  const auto [found, is_new] = known_.try_emplace({first.tensor, first.row_begin, rows, first.expert}, jobs_.size());
  if (is_new) {
    Job& job = jobs_.emplace_back();
    job.refs = std::move(refs);
    job.matrix.rows = static_cast<int32_t>(rows);
    job.matrix.columns = static_cast<int32_t>(cols);
    job.matrix.tiles = static_cast<int32_t>((rows + tile_rows - 1) / tile_rows);
    job.matrix.chunks = static_cast<int32_t>((cols + chunk_columns - 1) / chunk_columns);
  }
  jobs_[found->second].targets.push_back(&target);
  return {};
}

Status Loader::matrix(const MatrixRef& ref, int64_t rows, int64_t cols, Matrix& target) { return ref ? add({ref}, rows, cols, target) : Status{}; }

Status Loader::experts(const std::vector<MatrixRef>& refs, int64_t rows, int64_t cols, Matrix& target) {
  if (refs.empty()) return {};
  for (const MatrixRef& ref : refs)
    if (!ref || ref.tensor->type != refs.front().tensor->type)
      return Error{ErrorCode::unsupported, "the experts of a layer are stored in different types"};
  return add(refs, rows, cols, target);
}

Status Loader::vector(const VectorRef& ref, int64_t size, const float*& target, float plus) {
  if (!ref) return {};
  if (ref.size != size || ref.begin < 0 || ref.begin + size > ref.tensor->elements() || formats::is_quantised(ref.tensor->type) ||
      !formats::can_dequantize(ref.tensor->type))
    return wrong_shape(*ref.tensor, std::to_string(size) + " floats");
  vector_jobs_.push_back({ref, plus, &target, vector_floats_});
  vector_floats_ += static_cast<size_t>((size + 15) / 16 * 16);
  return {};
}

Status Loader::list_layer(const compute::LayerSpec& from, LayerWeights& to) {
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

Status Loader::list_all() {
  weights_.layers.resize(spec_.layers.size());
  for (size_t i = 0; i < spec_.layers.size(); ++i) FABULA_TRY(list_layer(spec_.layers[i], weights_.layers[i]));
  FABULA_TRY(matrix(spec_.head, spec_.vocab, spec_.hidden, weights_.head));
  FABULA_TRY(matrix(spec_.embedding, spec_.vocab, spec_.hidden, weights_.embedding));
  FABULA_TRY(vector(spec_.head_bias, spec_.vocab, weights_.head_bias));
  FABULA_TRY(vector(spec_.final_norm, spec_.hidden, weights_.final_norm, spec_.norm_weight_plus_one ? 1.0f : 0.0f));
  return vector(spec_.final_norm_bias, spec_.hidden, weights_.final_norm_bias);
}

Status Loader::load_vectors() {
  std::vector<float> values(vector_floats_);
  for (const VectorJob& job : vector_jobs_) {
    const TensorInfo& t = *job.ref.tensor;
    std::vector<std::byte> stored(formats::row_bytes(t.type, job.ref.size));
    FABULA_TRY(source_.read(t, formats::row_bytes(t.type, job.ref.begin), stored));
    float* out = values.data() + job.at;
    formats::dequantize(t.type, stored.data(), out, job.ref.size);
    for (int64_t i = 0; i < job.ref.size; ++i) out[i] += job.offset;
  }
  FABULA_ASSIGN(weights_.vectors, device_.allocate(std::max<size_t>(values.size(), 1) * 4, "The model's norms and biases"));
  const auto* base = reinterpret_cast<const float*>(weights_.vectors.data());
  for (const VectorJob& job : vector_jobs_) *job.target = base + job.at;
  if (!values.empty()) device_.upload(weights_.vectors.data(), values.data(), values.size() * 4);
  return device_.finish();
}

Status Loader::read_rows(const MatrixRef& ref, int64_t row, int64_t n, std::span<std::byte> out) const {
  const size_t row_bytes = formats::row_bytes(ref.tensor->type, ref.cols);
  const int64_t per_expert = ref.tensor->shape.size() == 3 ? ref.tensor->shape[1] : 0;
  const auto first = static_cast<uint64_t>(ref.expert * per_expert + ref.row_begin + row);
  return source_.read(*ref.tensor, first * row_bytes, out.first(static_cast<size_t>(n) * row_bytes));
}

// NUMERICS 10: what is stored in a type with kernels stays; f32 and everything else goes to f16 where that loses nothing that matters.
Status Loader::choose_type(Job& job) {
  const DType stored = job.refs.front().tensor->type;
  compute::TensorReport report{.name = job.refs.front().tensor->name, .stored = stored, .effective = stored};
  const std::optional<DType> forced = compute::type_of(options_.precision);
  if (forced) {
    job.effective = job.matrix.columns % formats::dtype_info(*forced).block_elements != 0 ? DType::f16 : *forced;
  } else if (weight_type_of(stored) && stored != DType::f32) {
    job.effective = stored;
  } else {
    double squares = 0, error_squares = 0;
    uint64_t count = 0, flushed = 0, overflowed = 0;
    const size_t row_bytes = formats::row_bytes(stored, job.matrix.columns);
    const int64_t step = std::max<int64_t>(1, (int64_t{4} << 20) / static_cast<int64_t>(row_bytes));
    std::vector<std::byte> bytes(static_cast<size_t>(step) * row_bytes);
    std::vector<float> values(static_cast<size_t>(step * job.matrix.columns));
    for (const MatrixRef& ref : job.refs)
      for (int64_t row = 0; row < ref.rows; row += step) {
        if (cancelled()) return Error{ErrorCode::cancelled, "loading was cancelled"};
        const int64_t n = std::min(step, ref.rows - row);
        FABULA_TRY(read_rows(ref, row, n, bytes));
        formats::dequantize(stored, bytes.data(), values.data(), n * ref.cols);
        for (int64_t i = 0; i < n * ref.cols; ++i) {
          const float x = values[static_cast<size_t>(i)], half = f16_to_f32(f32_to_f16(x));
          squares += double{x} * x;
          error_squares += (double{x} - half) * (double{x} - half);
          flushed += x != 0 && half == 0;
          overflowed += std::isinf(half) && !std::isinf(x);
          report.max_abs = std::max(report.max_abs, std::fabs(x));
          if (x != 0 && (report.min_abs == 0 || std::fabs(x) < report.min_abs)) report.min_abs = std::fabs(x);
        }
        count += static_cast<uint64_t>(n * ref.cols);
      }
    report.surveyed = true;
    const double error = squares > 0 ? std::sqrt(error_squares / squares) : 0;
    job.effective = error <= acceptable_f16_error && overflowed == 0 ? DType::f16 : DType::f32;
    report.f16_flushed_share = count ? static_cast<double>(flushed) / static_cast<double>(count) : 0;
    report.f16_overflow_share = count ? static_cast<double>(overflowed) / static_cast<double>(count) : 0;
  }
  job.matrix.type = *weight_type_of(job.effective);
  report.effective = job.effective;
  job.report = weights_.reports.size();
  weights_.reports.push_back(std::move(report));
  return {};
}

// Rows of another type into the effective one, on the host.
Status Loader::convert(const Job& job, const MatrixRef& ref, std::span<const std::byte> stored, int64_t n, std::byte* out) {
  const DType from = ref.tensor->type;
  const size_t from_row = formats::row_bytes(from, ref.cols), to_row = formats::row_bytes(job.effective, ref.cols);
  std::vector<double> sums(static_cast<size_t>(2 * n));
  tbb::parallel_for(int64_t{0}, n, [&](int64_t r) {
    std::vector<float> values(static_cast<size_t>(ref.cols)), back(values.size());
    std::byte* to = out + static_cast<size_t>(r) * to_row;
    formats::dequantize(from, stored.data() + static_cast<size_t>(r) * from_row, values.data(), ref.cols);
    formats::quantize(job.effective, values.data(), to, ref.cols);
    formats::dequantize(job.effective, to, back.data(), ref.cols);
    for (size_t i = 0; i < values.size(); ++i) {
      const double error = double{values[i]} - back[i];
      sums[static_cast<size_t>(2 * r)] += double{values[i]} * values[i];
      sums[static_cast<size_t>(2 * r + 1)] += error * error;
    }
  });
  for (int64_t r = 0; r < n; ++r) {
    squares_ += sums[static_cast<size_t>(2 * r)];
    error_squares_ += sums[static_cast<size_t>(2 * r + 1)];
  }
  return {};
}

// Two buffers take turns: while the device packs one, the next is read from disk.
Status Loader::pack_matrix(const Job& job, const MatrixRef& ref, const Matrix& matrix) {
  const DType stored = ref.tensor->type;
  const auto row_bytes = static_cast<int64_t>(formats::row_bytes(job.effective, ref.cols));
  const auto stored_row = static_cast<int64_t>(formats::row_bytes(stored, ref.cols));
  const int64_t tile_bytes = tile_rows * row_bytes, step = std::max<int64_t>(1, static_cast<int64_t>(staging_bytes) / tile_bytes) * tile_rows;
  if (tile_bytes > static_cast<int64_t>(staging_bytes)) return Error{ErrorCode::unsupported, "the GPU engine cannot run rows of " + std::to_string(ref.cols) + " columns"};
  std::vector<std::byte> source;
  for (int64_t row = 0; row < ref.rows; row += step) {
    if (cancelled()) return Error{ErrorCode::cancelled, "loading was cancelled"};
    const int64_t n = std::min(step, ref.rows - row);
    const int slot = turn_;
    turn_ = 1 - turn_;
    device_.wait(slot);
    auto* host = reinterpret_cast<std::byte*>(on_host_[slot].data());
    if (stored == job.effective) {
      FABULA_TRY(read_rows(ref, row, n, {host, static_cast<size_t>(n * row_bytes)}));
    } else {
      source.resize(static_cast<size_t>(n * stored_row));
      FABULA_TRY(read_rows(ref, row, n, source));
      FABULA_TRY(convert(job, ref, source, n, host));
    }
    device_.upload(on_device_[slot].data(), host, static_cast<size_t>(n * row_bytes));
    pack(device_, {.matrix = matrix,
                   .stored = on_device_[slot].data(),
                   .row_bytes = row_bytes,
                   .first_row = static_cast<int32_t>(row),
                   .n_tiles = static_cast<int32_t>((n + tile_rows - 1) / tile_rows)});
    device_.mark(slot);
  }
  return {};
}

// Bytes that one decode step of one sequence reads: of an untied embedding one row, of experts the chosen ones.
uint64_t Loader::share_per_token(const Job& job) const {
  const auto bytes = static_cast<uint64_t>(planes_of(job.matrix).bytes);
  if (job.refs.size() > 1) return bytes * static_cast<uint64_t>(spec_.experts_per_token);
  return job.targets.front() == &weights_.embedding ? bytes / static_cast<uint64_t>(std::max(1, job.matrix.rows)) : bytes;
}

// How many ranges of columns: until enough warps find work. Matrices that are launched together (q, k, v; gate, up) have one number.
void cut_columns(std::initializer_list<Matrix*> together) {
  int64_t tiles = 0;
  for (const Matrix* m : together) tiles += m->tiles;
  for (Matrix* m : together) {
    m->ranges = 1;
    while (m->ranges < 8 && tiles * m->ranges < wanted_warps && m->chunks >= 8 * m->ranges) m->ranges *= 2;
    m->range_chunks = (m->chunks + m->ranges - 1) / m->ranges;
  }
}

Result<Weights> Loader::load() {
  FABULA_TRY(list_all());
  FABULA_TRY(load_vectors());
  for (Job& job : jobs_) {
    FABULA_TRY(choose_type(job));
    job.offset = static_cast<int64_t>(weights_.bytes);
    weights_.bytes += static_cast<uint64_t>(planes_of(job.matrix).bytes) * job.refs.size();
    weights_.bytes_per_token += share_per_token(job);
    total_bytes_ += job.refs.size() * static_cast<uint64_t>(planes_of(job.matrix).bytes);
  }
  FABULA_ASSIGN(weights_.memory, device_.allocate(std::max<uint64_t>(weights_.bytes, 16), "The model's weights"));
  for (int i = 0; i < 2; ++i) {
    FABULA_ASSIGN(on_host_[i], device_.allocate_on_host(staging_bytes, "The buffers of loading"));
    FABULA_ASSIGN(on_device_[i], device_.allocate(staging_bytes, "The buffers of loading"));
  }
  for (Job& job : jobs_) {
    const int64_t bytes = planes_of(job.matrix).bytes;
    squares_ = error_squares_ = 0;
    for (size_t e = 0; e < job.refs.size(); ++e) {
      Matrix m = job.matrix;
      place(m, weights_.memory.data() + job.offset + static_cast<int64_t>(e) * bytes, bytes);
      FABULA_TRY(pack_matrix(job, job.refs[e], m));
      done_bytes_ += static_cast<uint64_t>(bytes);
      if (options_.on_progress) options_.on_progress(static_cast<double>(done_bytes_) / static_cast<double>(total_bytes_));
    }
    if (squares_ > 0) weights_.reports[job.report].relative_error = std::sqrt(error_squares_ / squares_);
    place(job.matrix, weights_.memory.data() + job.offset, bytes);
    for (Matrix* target : job.targets) *target = job.matrix;
  }
  for (LayerWeights& l : weights_.layers) {
    cut_columns({&l.q, &l.k, &l.v});
    cut_columns({&l.gate, &l.up});
    cut_columns({&l.expert_gate, &l.expert_up});
    cut_columns({&l.shared_gate, &l.shared_up});
    for (Matrix* m : {&l.o, &l.down, &l.router, &l.expert_down, &l.shared_down, &l.shared_router}) cut_columns({m});
  }
  cut_columns({&weights_.head});
  FABULA_TRY(device_.finish());
  return std::move(weights_);
}

}  // namespace

Result<Weights> load_weights(Device& device, const compute::ModelSpec& spec, const formats::TensorSource& source,
                             const compute::LoadOptions& options) {
  return Loader(device, spec, source, options).load();
}

}  // namespace fabula::gpu
