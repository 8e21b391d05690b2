#include "core/compute/cpu/weights.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "core/base/numeric.h"
#include "core/formats/quant.h"

namespace fabula::compute::cpu {

namespace {

using formats::DType;
using formats::TensorInfo;

constexpr double acceptable_f16_error = 5e-4;   // NUMERICS 10
constexpr size_t chunk_bytes = size_t{1} << 20; // read and packed by one task

std::optional<PanelType> forced_type(Precision precision) {
  switch (precision) {
    case Precision::automatic: return std::nullopt;
    case Precision::f32: return PanelType::f32;
    case Precision::f16: return PanelType::f16;
    case Precision::bf16: return PanelType::bf16;
    case Precision::q8_0: return PanelType::q8_0;
    case Precision::q4_0: return PanelType::q4_0;
  }
  return std::nullopt;
}

// What a float tensor would lose as f16, and its largest entry.
struct Survey {
  double squares = 0, f16_error_squares = 0;
  uint64_t count = 0, flushed = 0, overflowed = 0;
  float max_abs = 0;

  void add(const float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
      const float half = f16_to_f32(f32_to_f16(x[i]));
      squares += double{x[i]} * x[i];
      const double error = double{x[i]} - half;
      f16_error_squares += error * error;
      flushed += x[i] != 0 && half == 0;
      overflowed += std::isinf(half) && !std::isinf(x[i]);
      max_abs = std::max(max_abs, std::fabs(x[i]));
    }
    count += static_cast<uint64_t>(n);
  }
  void add(const Survey& other) {
    squares += other.squares;
    f16_error_squares += other.f16_error_squares;
    count += other.count;
    flushed += other.flushed;
    overflowed += other.overflowed;
    max_abs = std::max(max_abs, other.max_abs);
  }
  double f16_error() const { return squares > 0 ? std::sqrt(f16_error_squares / squares) : 0; }
};

// One matrix to pack. The same rows of the same tensor (tied embeddings) are packed once.
struct Job {
  MatrixRef ref;
  PanelType type = PanelType::f32;
  uint64_t arena_offset = 0;
  size_t report = 0;
  std::vector<PackedMatrix*> targets;
};

class Loader {
 public:
  Loader(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& options)
      : spec_(spec), source_(source), options_(options) {}

  Result<Weights> load();

 private:
  Status list_all();
  Status list_layer(const LayerSpec& from, LayerWeights& to);
  Status matrix(const MatrixRef& ref, int64_t rows, int64_t cols, PackedMatrix& target);
  Status experts(const std::vector<MatrixRef>& refs, int64_t rows, int64_t cols, std::vector<PackedMatrix>& targets);
  Status vector(const VectorRef& ref, int64_t size, const float*& target, float offset = 0);
  Status load_vectors();
  Status choose_type(Job& job);
  Result<Survey> survey(const Job& job);
  Status pack(const Job& job);
  Status read_rows(const MatrixRef& ref, int64_t row, int64_t n, std::vector<std::byte>& out) const;
  template <class Body> Status for_chunks(const MatrixRef& ref, const Body& body);
  void count_progress(uint64_t bytes);

  const ModelSpec& spec_;
  const formats::TensorSource& source_;
  const LoadOptions& options_;
  Weights weights_;
  std::vector<Job> jobs_;
  std::map<std::tuple<const TensorInfo*, int64_t, int64_t, int64_t>, size_t> known_;
  struct VectorJob { VectorRef ref; float offset; const float** target; size_t at; };
  std::vector<VectorJob> vector_jobs_;
  size_t vector_floats_ = 0;
  uint64_t total_bytes_ = 0;
  std::atomic<uint64_t> done_bytes_{0};
};

Error wrong_shape(const TensorInfo& tensor, const std::string& expected) {
  std::string found;
  for (int64_t d : tensor.shape) found += (found.empty() ? "" : " x ") + std::to_string(d);
  return {ErrorCode::corrupt, "tensor " + tensor.name + " is " + found + ", expected " + expected};
}

Status Loader::matrix(const MatrixRef& ref, int64_t rows, int64_t cols, PackedMatrix& target) {
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
  const auto [place, is_new] = known_.try_emplace({&t, ref.row_begin, rows, ref.expert}, jobs_.size());
  if (is_new) jobs_.push_back({.ref = ref, .targets = {}});
  jobs_[place->second].targets.push_back(&target);
  return {};
}

Status Loader::experts(const std::vector<MatrixRef>& refs, int64_t rows, int64_t cols, std::vector<PackedMatrix>& targets) {
  targets.resize(refs.size());
  for (size_t i = 0; i < refs.size(); ++i) FABULA_TRY(matrix(refs[i], rows, cols, targets[i]));
  return {};
}

Status Loader::vector(const VectorRef& ref, int64_t size, const float*& target, float offset) {
  if (!ref) return {};
  if (ref.size != size || ref.begin < 0 || ref.begin + size > ref.tensor->elements() || formats::is_quantised(ref.tensor->type) ||
      !formats::can_dequantize(ref.tensor->type))
    return wrong_shape(*ref.tensor, std::to_string(size) + " floats");
  vector_jobs_.push_back({ref, offset, &target, vector_floats_});
  vector_floats_ += static_cast<size_t>((size + 15) / 16 * 16);
  return {};
}

Status Loader::list_layer(const LayerSpec& from, LayerWeights& to) {
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
  FABULA_TRY(matrix(from.router, spec_.n_experts, hidden, to.router));
  FABULA_TRY(experts(from.expert_gate, spec_.expert_ffn, hidden, to.expert_gate));
  FABULA_TRY(experts(from.expert_up, spec_.expert_ffn, hidden, to.expert_up));
  FABULA_TRY(experts(from.expert_down, hidden, spec_.expert_ffn, to.expert_down));
  FABULA_TRY(matrix(from.shared_gate, spec_.shared_expert_ffn, hidden, to.shared_gate));
  FABULA_TRY(matrix(from.shared_up, spec_.shared_expert_ffn, hidden, to.shared_up));
  FABULA_TRY(matrix(from.shared_down, hidden, spec_.shared_expert_ffn, to.shared_down));
  return matrix(from.shared_router, 1, hidden, to.shared_router);
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
  weights_.vectors.assign(vector_floats_, 0.0f);
  for (const VectorJob& job : vector_jobs_) {
    const TensorInfo& t = *job.ref.tensor;
    const size_t begin = formats::row_bytes(t.type, job.ref.begin), bytes = formats::row_bytes(t.type, job.ref.size);
    std::vector<std::byte> stored(bytes);
    FABULA_TRY(source_.read(t, begin, stored));
    float* out = weights_.vectors.data() + job.at;
    formats::dequantize(t.type, stored.data(), out, job.ref.size);
    for (int64_t i = 0; i < job.ref.size; ++i) out[i] += job.offset;
    *job.target = out;
  }
  return {};
}

Status Loader::read_rows(const MatrixRef& ref, int64_t row, int64_t n, std::vector<std::byte>& out) const {
  const size_t row_bytes = formats::row_bytes(ref.tensor->type, ref.cols);
  const int64_t rows_per_expert = ref.tensor->shape.size() == 3 ? ref.tensor->shape[1] : 0;
  const auto first = static_cast<uint64_t>(ref.expert * rows_per_expert + ref.row_begin + row);
  out.resize(static_cast<size_t>(n) * row_bytes);
  return source_.read(*ref.tensor, first * row_bytes, out);
}

// body(first row, number of rows, their stored bytes) -> Status, from several threads; chunks are whole panels.
template <class Body>
Status Loader::for_chunks(const MatrixRef& ref, const Body& body) {
  const size_t row_bytes = std::max<size_t>(1, formats::row_bytes(ref.tensor->type, ref.cols));
  const int64_t step = std::max<int64_t>(panel_rows, static_cast<int64_t>(chunk_bytes / row_bytes) / panel_rows * panel_rows);
  const int64_t chunks = (ref.rows + step - 1) / step;
  std::mutex mutex;
  Status failure;
  std::atomic<bool> failed{false};
  const auto fail = [&](Status status) {
    const std::lock_guard lock(mutex);
    if (!failed.exchange(true)) failure = std::move(status);
  };
  tbb::parallel_for(int64_t{0}, chunks, [&](int64_t chunk) {
    if (failed.load()) return;
    if (options_.cancel && options_.cancel->load()) return fail(Error{ErrorCode::cancelled, "loading was cancelled"});
    const int64_t row = chunk * step, n = std::min(step, ref.rows - row);
    std::vector<std::byte> stored;
    Status status = read_rows(ref, row, n, stored);
    if (status.ok()) status = body(row, n, stored.data());
    if (!status.ok()) fail(std::move(status));
  });
  return failure;
}

Result<Survey> Loader::survey(const Job& job) {
  Survey total;
  std::mutex mutex;
  FABULA_TRY(for_chunks(job.ref, [&](int64_t, int64_t n, const std::byte* stored) -> Status {
    std::vector<float> values(static_cast<size_t>(n * job.ref.cols));
    formats::dequantize(job.ref.tensor->type, stored, values.data(), n * job.ref.cols);
    Survey part;
    part.add(values.data(), n * job.ref.cols);
    const std::lock_guard lock(mutex);
    total.add(part);
    return {};
  }));
  return total;
}

// NUMERICS 10: what is stored in a type with kernels stays; f32 and everything else goes to f16 where that loses nothing that matters.
Status Loader::choose_type(Job& job) {
  const DType stored = job.ref.tensor->type;
  TensorReport report{.name = job.ref.tensor->name, .stored = stored, .effective = stored};
  const std::optional<PanelType> native = panel_type_of(stored), forced = forced_type(options_.precision);
  if (forced) {
    job.type = panel_type_info(*forced).quantised && job.ref.cols % quant_block != 0 ? PanelType::f16 : *forced;
  } else if (native && stored != DType::f32) {
    job.type = *native;
  } else {
    FABULA_ASSIGN(const Survey found, survey(job));
    const bool keeps = found.f16_error() <= acceptable_f16_error && found.overflowed == 0;
    job.type = keeps ? PanelType::f16 : PanelType::f32;
    report.max_abs = found.max_abs;
    report.f16_flushed_share = found.count ? static_cast<double>(found.flushed) / static_cast<double>(found.count) : 0;
    report.f16_overflow_share = found.count ? static_cast<double>(found.overflowed) / static_cast<double>(found.count) : 0;
    report.relative_error = keeps ? found.f16_error() : 0;
  }
  report.effective = panel_type_info(job.type).dtype;
  job.report = weights_.reports.size();
  weights_.reports.push_back(std::move(report));
  return {};
}

void Loader::count_progress(uint64_t bytes) {
  const uint64_t done = done_bytes_.fetch_add(bytes) + bytes;
  if (options_.on_progress) options_.on_progress(static_cast<double>(done) / static_cast<double>(std::max<uint64_t>(1, total_bytes_)));
}

Status Loader::pack(const Job& job) {
  const int64_t cols = job.ref.cols, bytes = panel_bytes(job.type, cols);
  const DType stored = job.ref.tensor->type, wanted = panel_type_info(job.type).dtype;
  const size_t stored_row = formats::row_bytes(stored, cols), wanted_row = formats::row_bytes(wanted, cols);
  uint8_t* const base = weights_.arena.data() + job.arena_offset;
  std::mutex mutex;
  double squares = 0, error_squares = 0;
  FABULA_TRY(for_chunks(job.ref, [&](int64_t row, int64_t n, const std::byte* rows) -> Status {
    std::vector<std::byte> converted;
    if (stored != wanted) {
      std::vector<float> values(static_cast<size_t>(n * cols)), back(static_cast<size_t>(cols));
      formats::dequantize(stored, rows, values.data(), n * cols);
      converted.resize(static_cast<size_t>(n) * wanted_row);
      double s = 0, e = 0;
      for (int64_t r = 0; r < n; ++r) {
        std::byte* out = converted.data() + static_cast<size_t>(r) * wanted_row;
        formats::quantize(wanted, values.data() + r * cols, out, cols);
        formats::dequantize(wanted, out, back.data(), cols);
        for (int64_t k = 0; k < cols; ++k) {
          const double v = values[static_cast<size_t>(r * cols + k)], d = v - back[static_cast<size_t>(k)];
          s += v * v;
          e += d * d;
        }
      }
      const std::lock_guard lock(mutex);
      squares += s;
      error_squares += e;
    }
    const std::byte* from = stored != wanted ? converted.data() : rows;
    const size_t step = stored != wanted ? wanted_row : stored_row;
    for (int64_t r = 0; r < n; r += panel_rows)
      pack_panel(job.type, cols, from + static_cast<size_t>(r) * step, static_cast<int>(std::min<int64_t>(panel_rows, n - r)),
                 base + (row + r) / panel_rows * bytes);
    return {};
  }));
  if (squares > 0) weights_.reports[job.report].relative_error = std::sqrt(error_squares / squares);
  for (PackedMatrix* target : job.targets) *target = {job.type, job.ref.rows, cols, base, bytes};
  return {};
}

Result<Weights> Loader::load() {
  FABULA_TRY(list_all());
  FABULA_TRY(load_vectors());
  for (Job& job : jobs_) {
    FABULA_TRY(choose_type(job));
    job.arena_offset = weights_.bytes;
    weights_.bytes += static_cast<uint64_t>((job.ref.rows + panel_rows - 1) / panel_rows * panel_bytes(job.type, job.ref.cols));
  }
  // One page beyond the end: decode kernels prefetch ahead of what they read.
  FABULA_ASSIGN(weights_.arena, HugeBuffer::allocate(weights_.bytes + 4096, "The model's weights"));
  total_bytes_ = weights_.bytes;
  const PackedMatrix* embedding = &weights_.embedding;
  for (const Job& job : jobs_) {
    FABULA_TRY(pack(job));
    const PackedMatrix& packed = *job.targets.front();
    count_progress(packed.bytes());
    double share = job.targets.front() == embedding ? 0.0 : 1.0;  // an untied embedding: one row of it
    if (job.ref.tensor->shape.size() == 3 && spec_.n_experts > 0)
      share = static_cast<double>(spec_.experts_per_token) / static_cast<double>(spec_.n_experts);
    weights_.bytes_per_token += static_cast<uint64_t>(static_cast<double>(packed.bytes()) * share);
  }
  return std::move(weights_);
}

}  // namespace

Result<Weights> load_weights(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& options) {
  return Loader(spec, source, options).load();
}

}  // namespace fabula::compute::cpu
