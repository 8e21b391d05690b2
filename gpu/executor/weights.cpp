#include "gpu/executor/weights.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "core/base/numeric.h"
#include "core/compute/precision.h"
#include "core/formats/quant.h"
#include "gpu/executor/weight_jobs.h"
#include "gpu/kernels/kernels.h"

namespace fabula::gpu {

namespace {

using compute::MatrixRef;
using formats::DType;
using formats::TensorInfo;

// Read side by side: one thread copies some 8 GB/s out of the page cache, PCIe 5 takes 50.
constexpr size_t read_piece_bytes = size_t{4} << 20;
constexpr double acceptable_f16_error = 5e-4;           // NUMERICS 10
constexpr uint64_t staging_bytes = uint64_t{32} << 20;  // of each of two buffers: some 1.3 ms of PCIe 4, far above the cost of a copy
// 16 warps on each of 132 multiprocessors (linear.h); a constant, so that sums have one order on every device.
constexpr int64_t wanted_warps = 2112;

// The type of a matrix in memory, where it does not depend on its values. NUMERICS 10: what is stored in a type with kernels stays; f32
// and everything else goes to f16 where that loses nothing that matters.
std::optional<DType> settled_type(const Job& job, const compute::LoadOptions& options) {
  const DType stored = job.refs.front().tensor->type;
  const std::optional<DType> forced = compute::type_of(options.precision);
  if (forced) return job.matrix.columns % formats::dtype_info(*forced).block_elements != 0 ? DType::f16 : *forced;
  if (weight_type_of(stored) && stored != DType::f32) return stored;
  return std::nullopt;
}

class Loader {
 public:
  Loader(Device& device, const compute::ModelSpec& spec, const formats::TensorSource& source, const compute::LoadOptions& options)
      : device_(device), spec_(spec), source_(source), options_(options) {}

  Result<Weights> load();

 private:
  Status load_vectors();
  Status choose_type(Job& job);
  Status read_rows(const MatrixRef& ref, int64_t row, int64_t n, std::span<std::byte> out) const;
  Status pack_matrix(const Job& job, const MatrixRef& ref, const Matrix& matrix);
  Status convert(const Job& job, const MatrixRef& ref, std::span<const std::byte> stored, int64_t n, std::byte* out);
  bool cancelled() const { return options_.cancel && options_.cancel->load(); }

  Device& device_;
  const compute::ModelSpec& spec_;
  const formats::TensorSource& source_;
  const compute::LoadOptions& options_;
  Weights weights_;
  WeightJobs list_;
  Memory on_host_[2], on_device_[2];
  int turn_ = 0;
  uint64_t done_bytes_ = 0, total_bytes_ = 0;
  double squares_ = 0, error_squares_ = 0;  // of the job in work
};

Status Loader::load_vectors() {
  std::vector<float> values(list_.vector_floats);
  for (const VectorJob& job : list_.vectors) {
    const TensorInfo& t = *job.ref.tensor;
    std::vector<std::byte> stored(formats::row_bytes(t.type, job.ref.size));
    FABULA_TRY(source_.read(t, formats::row_bytes(t.type, job.ref.begin), stored));
    float* out = values.data() + job.at;
    formats::dequantize(t.type, stored.data(), out, job.ref.size);
    for (int64_t i = 0; i < job.ref.size; ++i) out[i] += job.offset;
  }
  FABULA_ASSIGN(weights_.vectors, device_.allocate(std::max<size_t>(values.size(), 1) * 4, "The model's norms and biases"));
  const auto* base = reinterpret_cast<const float*>(weights_.vectors.data());
  for (const VectorJob& job : list_.vectors) *job.target = base + job.at;
  if (!values.empty()) device_.upload(weights_.vectors.data(), values.data(), values.size() * 4);
  return device_.finish();
}

Status Loader::read_rows(const MatrixRef& ref, int64_t row, int64_t n, std::span<std::byte> out) const {
  const size_t row_bytes = formats::row_bytes(ref.tensor->type, ref.cols);
  const int64_t per_expert = ref.tensor->shape.size() == 3 ? ref.tensor->shape[1] : 0;
  const auto first = static_cast<uint64_t>(ref.expert * per_expert + ref.row_begin + row);
  const std::span<std::byte> wanted = out.first(static_cast<size_t>(n) * row_bytes);
  std::vector<Status> read((wanted.size() + read_piece_bytes - 1) / read_piece_bytes);
  tbb::parallel_for(size_t{0}, read.size(), [&](size_t i) {
    const size_t begin = i * read_piece_bytes;
    read[i] = source_.read(*ref.tensor, first * row_bytes + begin, wanted.subspan(begin, std::min(read_piece_bytes, wanted.size() - begin)));
  });
  for (Status& status : read) FABULA_TRY(std::move(status));
  return {};
}

Status Loader::choose_type(Job& job) {
  const DType stored = job.refs.front().tensor->type;
  compute::TensorReport report{.name = job.refs.front().tensor->name, .stored = stored, .effective = stored};
  if (const auto settled = settled_type(job, options_)) {
    job.effective = *settled;
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
  FABULA_ASSIGN(list_, list_weights(spec_, weights_));
  FABULA_TRY(load_vectors());
  for (Job& job : list_.matrices) {
    FABULA_TRY(choose_type(job));
    job.offset = static_cast<int64_t>(weights_.bytes);
    weights_.bytes += static_cast<uint64_t>(packed_bytes(job.matrix)) * job.refs.size();
    weights_.bytes_per_token += bytes_per_token(job, spec_, weights_);
    total_bytes_ += job.refs.size() * static_cast<uint64_t>(packed_bytes(job.matrix));
  }
  FABULA_ASSIGN(weights_.memory, device_.allocate(std::max<uint64_t>(weights_.bytes, 16), "The model's weights"));
  for (int i = 0; i < 2; ++i) {
    FABULA_ASSIGN(on_host_[i], device_.allocate_on_host(staging_bytes, "The buffers of loading"));
    FABULA_ASSIGN(on_device_[i], device_.allocate(staging_bytes, "The buffers of loading"));
  }
  for (Job& job : list_.matrices) {
    const int64_t bytes = packed_bytes(job.matrix);
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

Result<WeightPlan> plan_weights(const compute::ModelSpec& spec, const compute::LoadOptions& options) {
  Weights weights;
  FABULA_ASSIGN(WeightJobs list, list_weights(spec, weights));
  WeightPlan plan{.vector_bytes = list.vector_floats * sizeof(float)};
  for (Job& job : list.matrices) {
    job.matrix.type = *weight_type_of(settled_type(job, options).value_or(DType::f16));
    plan.bytes += static_cast<uint64_t>(packed_bytes(job.matrix)) * job.refs.size();
    plan.bytes_per_token += bytes_per_token(job, spec, weights);
  }
  return plan;
}

}  // namespace fabula::gpu
