#include "core/compute/cpu/weights.h"

#include <algorithm>
#include <utility>

#include "core/compute/cpu/packed_cache.h"
#include "core/compute/cpu/row_stream.h"
#include "core/compute/cpu/survey.h"
#include "core/compute/cpu/type_choice.h"
#include "core/compute/cpu/weight_list.h"
#include "core/formats/quant.h"

namespace fabula::compute::cpu {

// Out of line: PackedWriter is complete here alone.
Weights::Weights() = default;
Weights::~Weights() = default;
Weights::Weights(Weights&&) noexcept = default;
Weights& Weights::operator=(Weights&&) noexcept = default;

namespace {

using formats::DType;

constexpr uint64_t batch_bytes = uint64_t{32} << 20;  // packed between two reports of progress: many a matrix is too small to share out

class Loader {
 public:
  Loader(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& options)
      : spec_(spec), source_(source), options_(options), stream_(source, options.cancel) {}

  Result<Weights> load();
  Result<WeightPlan> plan();

 private:
  Status load_vectors();
  Status lay_out(Surveys surveys);
  Status allocate();
  Status fill();
  Status pack(const MatrixJob& job, TensorReport& report);
  void point_at_panels();
  void count_bytes_per_token();
  void count_progress(uint64_t bytes);

  const ModelSpec& spec_;
  const formats::TensorSource& source_;
  const LoadOptions& options_;
  const RowStream stream_;
  Weights weights_;
  WeightList list_;
  uint64_t done_bytes_ = 0;
};

Status Loader::load_vectors() {
  weights_.vectors.assign(list_.vector_floats, 0.0f);
  for (const VectorJob& job : list_.vectors) {
    const formats::TensorInfo& t = *job.ref.tensor;
    std::vector<std::byte> stored(formats::row_bytes(t.type, job.ref.size));
    FABULA_TRY(source_.read(t, formats::row_bytes(t.type, job.ref.begin), stored));
    float* out = weights_.vectors.data() + job.at;
    formats::dequantize(t.type, stored.data(), out, job.ref.size);
    for (int64_t i = 0; i < job.ref.size; ++i) out[i] += job.offset;
    *job.target = out;
  }
  return {};
}

Status Loader::lay_out(Surveys surveys) {
  FABULA_ASSIGN(weights_.reports, choose_types(list_.matrices, options_.precision, stream_, surveys));
  for (MatrixJob& job : list_.matrices) {
    job.arena_offset = weights_.bytes;
    weights_.bytes += job.packed_bytes();
  }
  return {};
}

Status Loader::allocate() {
  // One page beyond the end: decode kernels prefetch ahead of what they read.
  FABULA_ASSIGN(weights_.arena, HugeBuffer::allocate(weights_.bytes + 4096, "The model's weights"));
  return {};
}

void Loader::count_progress(uint64_t bytes) {
  done_bytes_ += bytes;
  if (options_.on_progress) options_.on_progress(static_cast<double>(done_bytes_) / static_cast<double>(std::max<uint64_t>(1, weights_.bytes)));
}

Status Loader::pack(const MatrixJob& job, TensorReport& report) {
  const int64_t cols = job.ref.cols, bytes = panel_bytes(job.type, cols);
  const DType stored = job.ref.tensor->type, wanted = report.effective;
  const size_t row_bytes = formats::row_bytes(wanted, cols);
  uint8_t* const base = weights_.arena.data() + job.arena_offset;
  InRowOrder<Loss> losses;
  FABULA_TRY(stream_.for_each(job.ref, [&](int64_t row, int64_t n, const std::byte* rows) -> Status {
    std::vector<std::byte> converted;
    if (stored != wanted) {
      converted.resize(static_cast<size_t>(n) * row_bytes);
      Loss loss;
      convert_rows(stored, wanted, n, cols, rows, converted.data(), report.surveyed ? nullptr : &loss);
      rows = converted.data();
      losses.add(row, loss);
    }
    for (int64_t r = 0; r < n; r += panel_rows)
      pack_panel(job.type, cols, rows + static_cast<size_t>(r) * row_bytes, static_cast<int>(std::min<int64_t>(panel_rows, n - r)),
                 base + (row + r) / panel_rows * bytes);
    return {};
  }));
  if (!report.surveyed) report.relative_error = losses.total().relative();
  return {};
}

// From an earlier load's copy, or from the model's own files.
Status Loader::fill() {
  const auto copy = packed_copy_of(list_.matrices, weights_.bytes, options_);
  const std::span panels(weights_.arena.data(), weights_.bytes);
  if (copy) {
    FABULA_ASSIGN(weights_.from_cache, read_packed(*copy, panels, weights_.reports, options_));
    if (weights_.from_cache) return count_progress(weights_.bytes), Status{};
  }
  for (size_t begin = 0, end = 0; begin < list_.matrices.size(); begin = end) {
    uint64_t bytes = 0;
    for (; end < list_.matrices.size() && bytes < batch_bytes; ++end) bytes += list_.matrices[end].packed_bytes();
    FABULA_TRY(parallel_each(static_cast<int64_t>(end - begin), [&](int64_t i) {
      const size_t at = begin + static_cast<size_t>(i);
      return pack(list_.matrices[at], weights_.reports[at]);
    }));
    count_progress(bytes);
  }
  if (copy) weights_.writer = std::make_unique<PackedWriter>(*copy, panels, weights_.reports);
  return {};
}

void Loader::point_at_panels() {
  for (const MatrixJob& job : list_.matrices)
    for (PackedMatrix* target : job.targets)
      *target = {job.type, job.ref.rows, job.ref.cols, weights_.arena.data() + job.arena_offset, panel_bytes(job.type, job.ref.cols)};
}

void Loader::count_bytes_per_token() {
  for (const MatrixJob& job : list_.matrices) {
    double share = job.targets.front() == &weights_.embedding ? 0.0 : 1.0;  // an untied embedding: one row of it
    if (job.ref.tensor->shape.size() == 3 && spec_.n_experts > 0)
      share = static_cast<double>(spec_.experts_per_token) / static_cast<double>(spec_.n_experts);
    weights_.bytes_per_token += static_cast<uint64_t>(static_cast<double>(job.packed_bytes()) * share);
  }
}

Result<Weights> Loader::load() {
  FABULA_ASSIGN(list_, list_weights(spec_, weights_));
  FABULA_TRY(load_vectors());
  FABULA_TRY(lay_out(Surveys::needed));
  FABULA_TRY(allocate());
  FABULA_TRY(fill());
  point_at_panels();
  count_bytes_per_token();
  return std::move(weights_);
}

Result<WeightPlan> Loader::plan() {
  FABULA_ASSIGN(list_, list_weights(spec_, weights_));
  FABULA_TRY(lay_out(Surveys::none));
  count_bytes_per_token();
  return WeightPlan{weights_.bytes, weights_.bytes_per_token};
}

}  // namespace

Result<WeightPlan> plan_weights(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& options) {
  return Loader(spec, source, options).plan();
}

Result<Weights> load_weights(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& options) {
  return Loader(spec, source, options).load();
}

}  // namespace fabula::compute::cpu
