#include "gpu/cuda_executor.h"

#include <algorithm>
#include <compare>
#include <map>
#include <new>
#include <utility>

#include "core/base/clock.h"
#include "core/compute/checks.h"
#include "core/compute/rope.h"
#include "gpu/executor/layers.h"

namespace fabula::gpu {

namespace {

constexpr uint32_t kernel_revision = 1;  // raised whenever a bit of any result may change
constexpr int64_t most_recorded_tokens = 64;
constexpr int step_begins = 2, step_ends = 3;  // marks; 0 and 1 throttle long steps
constexpr int64_t throttled_from_tokens = 65;  // a longer step is cancelled between layers: at most two are queued

static_assert(kv_tile == compute::kv_block_tokens);

KvPool shape_of_kv(const compute::ModelSpec& spec, compute::KvPrecision precision) {
  KvPool kv;
  kv.type = precision == compute::KvPrecision::f32 ? KvType::f32 : precision == compute::KvPrecision::f16 ? KvType::f16 : KvType::q8_0;
  kv.layers = static_cast<int32_t>(spec.n_layers);
  kv.heads = static_cast<int32_t>(spec.n_kv_heads);
  kv.head_dim = static_cast<int32_t>(spec.head_dim);
  kv.padded = (kv.head_dim + 31) / 32 * 32;
  const int64_t size = kv.type == KvType::f32 ? 4 : kv.type == KvType::f16 ? 2 : 1;
  const int64_t scales = kv.type == KvType::q8_0 ? kv_tile * (kv.padded / 32) * 2 : 0;
  kv.v_offset = kv_tile * kv.padded * size + scales;  // a multiple of 64: padded is one of 32
  kv.head_bytes = 2 * kv.v_offset;
  kv.block_bytes = kv.head_bytes * kv.heads * kv.layers;
  return kv;
}

// What a recorded step was made for. Steps with the same key differ in their tables alone.
struct StepShape {
  int tokens, items, item_width, splits, logits, ranked;
  auto operator<=>(const StepShape&) const = default;
};

class CudaExecutor final : public compute::Executor {
 public:
  CudaExecutor(std::unique_ptr<Device> device, compute::ModelSpec spec, const compute::LoadOptions& load)
      : device_(std::move(device)), spec_(std::move(spec)),
        limits_{load.max_batch_tokens, load.max_logit_rows, load.kv_blocks, spec_.vocab, gpu::most_ranked} {}

  Status prepare(const formats::TensorSource& source, const compute::LoadOptions& load);

  const compute::ExecutorInfo& info() const override { return info_; }
  Status forward(std::span<const compute::SequenceSlice> batch, const std::atomic<bool>* abandon) override;
  const float* logits() const override { return reinterpret_cast<const float*>(logits_.data()); }
  int most_ranked() const override { return spec_.has_head ? gpu::most_ranked : 0; }
  compute::RankedRow ranked_row(int64_t row) const override { return ranking_.row(row, ranked_); }
  std::span<const double> busy_seconds() const override { return {&busy_seconds_, 1}; }
  void set_profiling(bool on) override { clock_.restart(on); }
  std::vector<compute::PhaseTime> profile() const override { return clock_.times(); }
  const compute::StepStats& last_step() const override { return stats_; }
  float* residual_in() override { return spec_.has_embedding ? nullptr : border(); }
  const float* residual_out() const override { return spec_.has_head ? nullptr : border(); }
  void copy_block(int32_t from, int32_t to, int tokens) override;
  Status read_block(int32_t block, std::span<std::byte> out) const override;
  Status write_block(int32_t block, std::span<const std::byte> bytes) override;
  void set_threads(int) override {}
  void set_hot(bool) override {}
  double measure_read_rate(const std::function<bool()>& interrupted) override;

 private:
  int item_width_of(std::span<const compute::SequenceSlice> batch) const;
  float* border() const { return reinterpret_cast<float*>(border_.data()); }
  bool has_block(int32_t block) const { return block >= 0 && block < limits_.kv_blocks; }
  uint8_t* block(int32_t index) const { return kv_.data + index * kv_.block_bytes; }
  int ranked_in(std::span<const compute::SequenceSlice> batch) const;
  void download_rows(std::span<const compute::SequenceSlice> batch);
  Status run(const Step& step, const std::atomic<bool>* abandon);
  Status run_recorded(const Step& step);
  void launch_all(const Step& step) const;
  void finish_layers(const Step& step) const;
  int splits_of_step(bool one_token_each) const;

  std::unique_ptr<Device> device_;  // outlives all memory below
  const compute::ModelSpec spec_;
  const compute::StepLimits limits_;
  Weights weights_;
  Memory kv_memory_, logits_, border_;
  KvPool kv_;
  Scratch scratch_;
  Tables tables_;
  Ranking ranking_;
  int ranked_ = 0;  // of each row of the last step
  PhaseClock clock_;
  double busy_seconds_ = 0;
  std::map<StepShape, std::unique_ptr<Recording>> recordings_;
  compute::ExecutorInfo info_;
  compute::StepStats stats_;
};

Status CudaExecutor::prepare(const formats::TensorSource& source, const compute::LoadOptions& load) {
  kv_ = shape_of_kv(spec_, load.kv_precision);
  if (attend_shared_bytes(8, kv_.padded) > device_->info().max_shared_bytes)
    return Error{ErrorCode::unsupported, "the GPU engine cannot run this model: a head size of " + std::to_string(spec_.head_dim)};
  FABULA_ASSIGN(weights_, load_weights(*device_, spec_, source, load));
  const auto kv_bytes = static_cast<uint64_t>(kv_.block_bytes) * static_cast<uint64_t>(load.kv_blocks);
  FABULA_ASSIGN(kv_memory_, device_->allocate(kv_bytes, "The KV cache of this context length"));
  kv_.data = kv_memory_.data();
  device_->fill(kv_.data, 0, kv_bytes);
  FABULA_ASSIGN(scratch_, make_scratch(*device_, spec_, load));
  FABULA_TRY(tables_.allocate(*device_, spec_, load));
  if (spec_.has_head) {
    FABULA_ASSIGN(logits_, device_->allocate_on_host(static_cast<uint64_t>(load.max_logit_rows * spec_.vocab) * 4, "The logits"));
    FABULA_TRY(ranking_.allocate(*device_, spec_, load));
  }
  if (!spec_.has_embedding || !spec_.has_head) {
    FABULA_ASSIGN(border_, device_->allocate_on_host(static_cast<uint64_t>(load.max_batch_tokens * spec_.hidden) * 4, "The border of a part"));
  }
  compute::NumericsId id("fabula cuda", kernel_revision, load.kv_precision);
  id.add(weights_.reports);
  id.add(spec_.ropes);
  const DeviceInfo& device = device_->info();
  info_ = {.kind = "cuda",
           .isa = device.name + " (sm_" + std::to_string(device.major * 10 + device.minor) + ")",
           .weight_bytes = weights_.bytes,
           .weight_bytes_per_token = weights_.bytes_per_token,
           .kv_bytes_per_token = static_cast<uint64_t>(kv_.block_bytes) / kv_tile,
           .kv_block_bytes = static_cast<uint64_t>(kv_.block_bytes),
           .gpu_layers = spec_.n_layers,
           .kv_on_device = true,
           .scratch_bytes = scratch_.memory.bytes(),
           .numerics_id = id.finish(),
           .tensors = weights_.reports};
  return device_->finish();
}

// Sixteen rows halve the reads of K and V where there are that many; big heads leave no shared memory for them.
int CudaExecutor::item_width_of(std::span<const compute::SequenceSlice> batch) const {
  const auto group = static_cast<size_t>(spec_.n_heads / spec_.n_kv_heads);
  const bool few = std::all_of(batch.begin(), batch.end(), [&](const auto& slice) { return slice.tokens.size() * group <= 8; });
  return few || kv_.padded > 128 || attend_shared_bytes(16, kv_.padded) > device_->info().max_shared_bytes ? 8 : 16;
}

// Splits side by side where one after the other would leave most of the device idle. A power of two, so that recordings serve many lengths.
int CudaExecutor::splits_of_step(bool one_token_each) const {
  int splits = 1;
  while (splits < tables_.splits()) splits *= 2;
  const int64_t rows = tables_.n_tokens() * spec_.n_heads, blocks = tables_.n_items() * spec_.n_kv_heads;
  const bool crowded = !one_token_each && blocks >= 2 * device_->info().multiprocessors;
  return crowded || rows * splits > max_partials ? 1 : splits;
}

void CudaExecutor::launch_all(const Step& step) const {
  step.begin();
  for (size_t i = 0; i < spec_.layers.size(); ++i) step.layer(i);
  finish_layers(step);
}

void CudaExecutor::finish_layers(const Step& step) const {
  if (spec_.has_head) step.head();
  else step.hand_on();
}

Status CudaExecutor::run_recorded(const Step& step) {
  const StepShape shape{tables_.n_tokens(), tables_.n_items(), step.item_width, step.splits, tables_.n_logits(), step.ranked};
  const auto [found, is_new] = recordings_.try_emplace(shape);
  if (is_new) {  // a plain step first: kernels are loaded when they are first started, which must not happen while recording
    launch_all(step);
    return {};
  }
  if (!found->second) {
    device_->begin_recording();
    launch_all(step);
    FABULA_ASSIGN(found->second, device_->end_recording());
  }
  device_->replay(*found->second);
  return {};
}

Status CudaExecutor::run(const Step& step, const std::atomic<bool>* abandon) {
  const auto abandoned = [&] { return abandon && abandon->load(std::memory_order_relaxed); };
  if (abandoned()) return Error{ErrorCode::cancelled, "the step was abandoned"};
  if (step.one_token_each && tables_.n_tokens() <= most_recorded_tokens && !clock_.on()) return run_recorded(step);
  step.begin();
  for (size_t i = 0; i < spec_.layers.size(); ++i) {
    if (tables_.n_tokens() >= throttled_from_tokens) {
      device_->wait(static_cast<int>(i % 2));
      if (abandoned()) return Error{ErrorCode::cancelled, "the step was abandoned"};
    }
    step.layer(i);
    if (tables_.n_tokens() >= throttled_from_tokens) device_->mark(static_cast<int>(i % 2));
  }
  finish_layers(step);
  return {};
}

Status CudaExecutor::forward(std::span<const compute::SequenceSlice> batch, const std::atomic<bool>* abandon) {
  FABULA_TRY(compute::check_step(batch, limits_));
  const double begin = monotonic_seconds();
  const int item_width = item_width_of(batch);
  FABULA_TRY(tables_.fill(*device_, spec_, batch, item_width));
  if (tables_.n_tokens() == 0) return {};
  const bool one_token_each = std::all_of(batch.begin(), batch.end(), [](const auto& slice) { return slice.tokens.size() <= 1; });
  ranked_ = ranked_in(batch);
  Step step{*device_, spec_, weights_, scratch_, kv_, tables_, border(), item_width, splits_of_step(one_token_each), one_token_each};
  step.ranking = &ranking_;
  step.ranked = ranked_;
  step.clock = clock_.on() ? &clock_ : nullptr;
  clock_.begin();
  device_->mark(step_begins);
  Status ran = run(step, abandon);
  if (ran.ok() && spec_.has_head) download_rows(batch);
  clock_.leave(*device_);
  device_->mark(step_ends);
  FABULA_TRY(device_->finish());  // also after an abandoned step: its tables are still being read until then
  FABULA_TRY(std::move(ran));
  clock_.collect(*device_);
  busy_seconds_ += device_->seconds_between(step_begins, step_ends);
  uint64_t positions = 0;
  for (const compute::SequenceSlice& slice : batch) positions += static_cast<uint64_t>(slice.start) + slice.tokens.size();
  stats_ = {monotonic_seconds() - begin, 1, info_.weight_bytes_per_token + positions * info_.kv_bytes_per_token};
  return {};
}

int CudaExecutor::ranked_in(std::span<const compute::SequenceSlice> batch) const {
  int most = 0;
  for (const compute::SequenceSlice& slice : batch) most = std::max(most, slice.ranked);
  return spec_.has_head ? Ranking::rounded(most) : 0;
}

// Whole rows of logits, of those slices that did not ask for ranked ones.
void CudaExecutor::download_rows(std::span<const compute::SequenceSlice> batch) {
  size_t row = 0;
  const auto row_bytes = static_cast<size_t>(spec_.vocab) * sizeof(float);
  for (const compute::SequenceSlice& slice : batch) {
    const size_t n = compute::rows_of(slice);
    if (n > 0 && slice.ranked == 0)
      device_->download(logits_.data() + row * row_bytes, reinterpret_cast<const uint8_t*>(scratch_.logits) + row * row_bytes, n * row_bytes);
    row += n;
  }
}

void CudaExecutor::copy_block(int32_t from, int32_t to, int tokens) {
  if (tokens > 0 && from != to && has_block(from) && has_block(to)) device_->copy(block(to), block(from), static_cast<size_t>(kv_.block_bytes));
}

Status CudaExecutor::read_block(int32_t index, std::span<std::byte> out) const {
  if (!has_block(index) || out.size() != info_.kv_block_bytes)
    return Error{ErrorCode::invalid_argument, "read_block: no such block, or a buffer of the wrong size"};
  device_->download(out.data(), block(index), out.size());
  return device_->finish();
}

Status CudaExecutor::write_block(int32_t index, std::span<const std::byte> bytes) {
  if (!has_block(index) || bytes.size() != info_.kv_block_bytes)
    return Error{ErrorCode::invalid_argument, "write_block: no such block, or bytes of the wrong size"};
  device_->upload(block(index), bytes.data(), bytes.size());
  return device_->finish();
}

// Seconds that one pass over `bytes` takes: the best of a few.
double best_read_seconds(Device& device, const Memory& memory, uint64_t bytes, uint32_t* sink, const std::function<bool()>& interrupted) {
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    if (interrupted && interrupted()) return 0;
    device.mark(step_begins);
    read_all(device, memory.data(), static_cast<int64_t>(bytes), sink);
    device.mark(step_ends);
    if (!device.finish().ok()) return 0;
    const double seconds = device.seconds_between(step_begins, step_ends);
    if (best == 0 || seconds < best) best = seconds;
  }
  return best;
}

double CudaExecutor::measure_read_rate(const std::function<bool()>& interrupted) {
  const uint64_t bytes = std::min<uint64_t>(weights_.bytes, uint64_t{4} << 30) / 16 * 16;
  const double seconds = best_read_seconds(*device_, weights_.memory, bytes, reinterpret_cast<uint32_t*>(scratch_.partial_stats), interrupted);
  return seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
}

Result<double> measure_upload(Device& device, const Memory& to) {
  const uint64_t bytes = std::min<uint64_t>(to.bytes(), uint64_t{256} << 20);
  FABULA_ASSIGN(const Memory from, device.allocate_on_host(bytes, "The buffer of a measurement"));
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    device.mark(step_begins);
    device.upload(to.data(), from.data(), bytes);
    device.mark(step_ends);
    FABULA_TRY(device.finish());
    const double seconds = device.seconds_between(step_begins, step_ends);
    if (seconds > 0) best = std::max(best, static_cast<double>(bytes) / seconds);
  }
  return best;
}

}  // namespace

Result<std::unique_ptr<compute::Executor>> make_cuda_executor(const compute::ModelSpec& spec, const formats::TensorSource& source,
                                                              const compute::LoadOptions& load, const CudaOptions& options) {
  FABULA_TRY(compute::check_spec(spec, load, "GPU"));
  FABULA_ASSIGN(auto device, Device::open(options.device));
  try {
    compute::ModelSpec settled = spec;
    for (compute::RopeTable& rope : settled.ropes)
      rope = compute::settled_rope(std::move(rope), load.context > 0 ? load.context : spec.context_length);
    auto executor = std::make_unique<CudaExecutor>(std::move(device), std::move(settled), load);
    FABULA_TRY(executor->prepare(source, load));
    return std::unique_ptr<compute::Executor>(std::move(executor));
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::out_of_memory, "There is not enough memory to load this model"};
  }
}

Result<compute::MemoryPlan> plan_cuda_memory(const compute::ModelSpec& spec, const compute::LoadOptions& load) {
  FABULA_TRY(compute::check_spec(spec, load, "GPU"));
  FABULA_ASSIGN(const WeightPlan weights, plan_weights(spec, load));
  const KvPool kv = shape_of_kv(spec, load.kv_precision);
  compute::MemoryPlan plan;
  plan.weight_bytes = weights.bytes;
  plan.weight_bytes_per_token = weights.bytes_per_token;
  plan.kv_block_bytes = static_cast<uint64_t>(kv.block_bytes);
  plan.kv_bytes_per_token = plan.kv_block_bytes / kv_tile;
  plan.kv_bytes = plan.kv_block_bytes * static_cast<uint64_t>(load.kv_blocks);
  plan.scratch_bytes = scratch_bytes(spec, load) + Tables::bytes_of(spec, load) + weights.vector_bytes;
  if (spec.has_head) plan.scratch_bytes += Ranking::bytes_of(spec, load);
  return plan;
}

Result<DeviceLimits> measure_limits(int index) {
  FABULA_ASSIGN(const auto device, Device::open(index));
  const uint64_t bytes = std::min<uint64_t>(uint64_t{2} << 30, device->free_bytes() / 2 / 256 * 256);  // far beyond any L2
  FABULA_ASSIGN(const Memory memory, device->allocate(bytes + 256, "The buffer of a measurement"));
  device->fill(memory.data(), 0x3c, bytes + 256);  // not zeros, which some devices read faster
  auto* sink = reinterpret_cast<uint32_t*>(memory.data() + bytes);
  DeviceLimits limits;
  FABULA_ASSIGN(limits.upload_bytes, measure_upload(*device, memory));
  const double seconds = best_read_seconds(*device, memory, bytes, sink, nullptr);
  if (seconds > 0) limits.read_bytes = static_cast<double>(bytes) / seconds;
  for (const bool int8 : {false, true})
    for (int round = 0; round < 3; ++round) {
      device->mark(step_begins);
      const double operations = multiply_in_registers(*device, int8, reinterpret_cast<float*>(sink));
      device->mark(step_ends);
      FABULA_TRY(device->finish());
      double& best = int8 ? limits.int8_ops : limits.bf16_ops;
      best = std::max(best, operations / device->seconds_between(step_begins, step_ends));
    }
  return limits;
}

}  // namespace fabula::gpu
