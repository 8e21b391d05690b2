#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "core/base/clock.h"
#include "core/compute/checks.h"
#include "core/compute/cpu/isa.h"
#include "core/compute/cpu/read_rate.h"
#include "core/compute/cpu/standard_rounding.h"
#include "core/compute/cpu/step.h"
#include "core/compute/memory_plan.h"
#include "core/compute/rope.h"

namespace fabula::compute {

namespace cpu {

namespace {

constexpr uint32_t kernel_revision = 3;  // raised whenever a bit of any result may change

static_assert(kv_tile == kv_block_tokens);

KvType kv_type_of(KvPrecision precision) {
  switch (precision) {
    case KvPrecision::f32: return KvType::f32;
    case KvPrecision::f16: return KvType::f16;
    case KvPrecision::q8_0: return KvType::q8_0;
  }
  return KvType::f16;
}

std::string numerics_id(const ModelSpec& spec, const Weights& weights, KvPrecision kv) {
  NumericsId id("fabula cpu", kernel_revision, kv);
  id.add(weights.reports);
  id.add(spec.ropes);
  return id.finish();
}

class CpuExecutor final : public Executor {
 public:
  CpuExecutor(ModelSpec spec, const LoadOptions& load, const KernelTable& kernels, int threads)
      : spec_(std::move(spec)), max_tokens_(load.max_batch_tokens), max_logits_(load.max_logit_rows), kernels_(kernels), team_(threads) {}

  Status prepare(const formats::TensorSource& source, const LoadOptions& load);

  const ExecutorInfo& info() const override { return info_; }
  Status forward(std::span<const SequenceSlice> batch, const std::atomic<bool>* abandon) override;
  const float* logits() const override { return scratch_.logits; }
  const StepStats& last_step() const override { return stats_; }
  float* residual_in() override { return spec_.has_embedding ? nullptr : scratch_.border; }
  const float* residual_out() const override { return spec_.has_head ? nullptr : scratch_.border; }
  std::span<const double> busy_seconds() const override { return team_.busy_seconds(); }
  void set_profiling(bool on) override { profile_.restart(on); }
  std::vector<PhaseTime> profile() const override { return profile_.times(team_); }
  void copy_block(int32_t from, int32_t to, int tokens) override;
  Status read_block(int32_t block, std::span<std::byte> out) const override;
  Status write_block(int32_t block, std::span<const std::byte> bytes) override;
  void set_threads(int threads) override;
  void set_hot(bool hot) override { team_.set_hot(hot); }
  void share_out(int64_t n, const std::function<void(int64_t, int)>& run) override { team_.run_after_step(n, run); }
  double measure_read_rate(const std::function<bool()>& interrupted) override;

 private:
  void embed(Step& step);
  void rope_angles(Step& step, int64_t token);
  void head(Step& step);
  Activations layer_input(const LayerWeights& layer, bool attention, int64_t n) const;
  uint64_t kv_bytes_read(std::span<const SequenceSlice> batch) const;

  ModelSpec spec_;
  const int64_t max_tokens_, max_logits_;
  const KernelTable& kernels_;
  Team team_;
  Weights weights_;
  KvPool kv_;
  Scratch scratch_;
  PhaseProfile profile_;
  ExecutorInfo info_;
  StepStats stats_;
};

Status CpuExecutor::prepare(const formats::TensorSource& source, const LoadOptions& load) {
  FABULA_ASSIGN(weights_, load_weights(spec_, source, load));
  FABULA_ASSIGN(kv_, KvPool::allocate(kv_type_of(load.kv_precision), spec_.n_layers, spec_.n_kv_heads, spec_.head_dim, load.kv_blocks));
  FABULA_ASSIGN(scratch_, make_scratch(spec_, load));
  info_ = {.kind = "cpu",
           .isa = kernels_.isa,
           .threads = team_.threads(),
           .weight_bytes = weights_.bytes,
           .weights_from_cache = weights_.from_cache,
           .weight_bytes_per_token = weights_.bytes_per_token,
           .kv_bytes_per_token = kv_.bytes_per_token(),
           .kv_block_bytes = static_cast<uint64_t>(kv_.block_bytes()),
           .scratch_bytes = scratch_.memory.size_bytes(),
           .numerics_id = numerics_id(spec_, weights_, load.kv_precision),
           .tensors = weights_.reports};
  return {};
}

void CpuExecutor::rope_angles(Step& step, int64_t token) {
  const int64_t position = scratch_.token_position[token];
  for (size_t i = 0; i < spec_.ropes.size(); ++i) {
    const RopeTable& rope = spec_.ropes[i];
    const std::vector<double>& frequencies = rope.inv_freq;
    float* cos = scratch_.rope + (static_cast<int64_t>(i) * step.n_tokens + token) * 2 * scratch_.rope_half;
    float* sin = cos + scratch_.rope_half;
    for (size_t f = 0; f < frequencies.size(); ++f) {
      const double angle = static_cast<double>(position) * frequencies[f];
      cos[f] = static_cast<float>(std::cos(angle) * rope.attention_factor);
      sin[f] = static_cast<float>(std::sin(angle) * rope.attention_factor);
    }
  }
}

void CpuExecutor::embed(Step& step) {
  step.spread_out(Phase::embed, step.n_tokens, spec_.hidden, [&](int64_t first, int64_t end, int) {
    for (int64_t t = first; t < end; ++t) {
      const auto sequence = static_cast<size_t>(scratch_.token_sequence[t]);
      const SequenceSlice& slice = step.batch[sequence];
      float* h = scratch_.h + t * scratch_.hidden_stride;
      rope_angles(step, t);
      if (!spec_.has_embedding) {
        std::copy_n(scratch_.border + t * spec_.hidden, spec_.hidden, h);
        continue;
      }
      read_row(weights_.embedding, slice.tokens[static_cast<size_t>(scratch_.token_position[t] - slice.start)], h);
      if (spec_.embedding_scale != 1.0f)
        for (int64_t i = 0; i < spec_.hidden; ++i) h[i] *= spec_.embedding_scale;
    }
  });
}

Activations CpuExecutor::layer_input(const LayerWeights& layer, bool attention, int64_t n) const {
  bool values = false, quants = false;
  const auto reads = [&](const PackedMatrix& m) { (m.quantised() ? quants : values) |= static_cast<bool>(m); };
  if (attention) {
    for (const PackedMatrix* m : {&layer.q, &layer.k, &layer.v}) reads(*m);
  } else {
    for (const PackedMatrix* m : {&layer.gate, &layer.up, &layer.router, &layer.shared_gate, &layer.shared_up, &layer.shared_router})
      reads(*m);
  }
  return scratch_.in.laid_out(spec_.hidden, n, values, quants);
}

// Logits of the rows that are left: the final norm and the head.
void CpuExecutor::head(Step& step) {
  Scratch& s = scratch_;
  const LayerWeights* last = weights_.layers.empty() ? nullptr : &weights_.layers.back();
  if (step.abandoned) return;
  s.in = s.in.laid_out(spec_.hidden, step.n_tokens, !weights_.head.quantised(), weights_.head.quantised());
  residual_and_norm(step, last != nullptr, last ? last->post_ffn_norm : nullptr, {weights_.final_norm, weights_.final_norm_bias}, s.in, nullptr);
  if (!weights_.layers.empty()) read_next(step, {&weights_.layers.front().q, &weights_.layers.front().k, &weights_.layers.front().v});
  const LinearOutput out{&weights_.head, weights_.head_bias, s.logits};
  linear(step, Phase::head, s.in, {&out, 1}, spec_.vocab);
  if (spec_.logit_scale == 1.0f && spec_.final_softcap == 0.0f) return;
  constexpr int64_t piece = 4096;
  const int64_t total = step.n_tokens * spec_.vocab;
  step.phase(Phase::head, (total + piece - 1) / piece, [&](int64_t shard, int) {
    const int64_t n = std::min(piece, total - shard * piece);
    kernels_.softcap(s.logits + shard * piece, (n + 15) / 16 * 16, spec_.logit_scale, spec_.final_softcap);
  });
}

uint64_t CpuExecutor::kv_bytes_read(std::span<const SequenceSlice> batch) const {
  uint64_t positions = 0;
  for (const SequenceSlice& slice : batch) positions += static_cast<uint64_t>(slice.start) + slice.tokens.size();
  return positions * kv_.bytes_per_token();
}

Status CpuExecutor::forward(std::span<const SequenceSlice> batch, const std::atomic<bool>* abandon) {
  // Rows are ranked, if at all, by the part that has the head.
  const int ranked = spec_.has_head ? 0 : std::numeric_limits<int>::max();
  FABULA_TRY(check_step(batch, {max_tokens_, max_logits_, kv_.n_blocks(), spec_.vocab, ranked}));
  const double begin = monotonic_seconds();
  const StandardRounding rounding;
  Step step{spec_, weights_, kernels_, team_, kv_, scratch_, profile_, batch, abandon};
  lay_out(step);
  team_.begin_step(step.n_tokens);
  embed(step);
  for (size_t i = 0; i < weights_.layers.size() && !step.abandoned; ++i) {
    const LayerWeights& layer = weights_.layers[i];
    scratch_.in = layer_input(layer, true, step.n_tokens);
    residual_and_norm(step, i > 0, i > 0 ? weights_.layers[i - 1].post_ffn_norm : nullptr,
                      {layer.attention_norm, layer.attention_norm_bias}, scratch_.in, nullptr);
    attention(step, static_cast<int64_t>(i));
    if (step.n_tokens == 0) break;
    scratch_.in = layer_input(layer, false, step.n_tokens);
    residual_and_norm(step, true, layer.post_attention_norm, {layer.ffn_norm, layer.ffn_norm_bias}, scratch_.in,
                      has_experts(layer) ? scratch_.normed : nullptr);
    feed_forward(step, static_cast<int64_t>(i));
  }
  if (!spec_.has_head) hand_residual_on(step, weights_.layers.back().post_ffn_norm);
  else if (weights_.layers.empty()) keep_wanted_rows(step);
  if (spec_.has_head && step.n_tokens > 0) head(step);
  team_.end_step();
  stats_ = {monotonic_seconds() - begin, team_.workers_in_step(), info_.weight_bytes_per_token + kv_bytes_read(batch)};
  if (step.abandoned) return Error{ErrorCode::cancelled, "the step was abandoned"};
  return {};
}

void CpuExecutor::copy_block(int32_t from, int32_t to, int tokens) {
  if (tokens > 0 && from != to) std::memcpy(kv_.block(to).data(), kv_.block(from).data(), kv_.block(from).size());
}

Status CpuExecutor::read_block(int32_t block, std::span<std::byte> out) const {
  if (block < 0 || block >= kv_.n_blocks() || out.size() != kv_.block(block).size())
    return Error{ErrorCode::invalid_argument, "read_block: no such block, or a buffer of the wrong size"};
  std::memcpy(out.data(), kv_.block(block).data(), out.size());
  return {};
}

Status CpuExecutor::write_block(int32_t block, std::span<const std::byte> bytes) {
  if (block < 0 || block >= kv_.n_blocks() || bytes.size() != kv_.block(block).size())
    return Error{ErrorCode::invalid_argument, "write_block: no such block, or bytes of the wrong size"};
  std::memcpy(kv_.block(block).data(), bytes.data(), bytes.size());
  return {};
}

double CpuExecutor::measure_read_rate(const std::function<bool()>& interrupted) {
  constexpr uint64_t enough_bytes = uint64_t{256} << 20;  // far beyond what a second pass would find in a cache
  constexpr double seconds = 0.02;
  team_.set_hot(true);
  team_.begin_step(0);
  const double rate =
      read_rate(team_, kernels_, std::span<const uint8_t>(weights_.arena.data(), std::min(weights_.bytes, enough_bytes)), seconds, interrupted);
  team_.end_step();
  team_.set_hot(false);
  return rate;
}

void CpuExecutor::set_threads(int threads) {
  team_.resize(std::clamp(threads > 0 ? threads : physical_cores(), 1, max_workers));
  info_.threads = team_.threads();
}

}  // namespace

}  // namespace cpu

Result<std::unique_ptr<Executor>> make_cpu_executor(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& load,
                                                    const CpuOptions& options) {
  FABULA_TRY(check_spec(spec, load, "CPU"));
  FABULA_ASSIGN(const cpu::KernelTable* kernels, cpu::choose_kernels(options.isa_override));
  const int threads = std::clamp(options.threads > 0 ? options.threads : cpu::physical_cores(), 1, cpu::max_workers);
  try {
    ModelSpec settled = spec;
    for (RopeTable& rope : settled.ropes) rope = settled_rope(std::move(rope), load.context > 0 ? load.context : spec.context_length);
    auto executor = std::make_unique<cpu::CpuExecutor>(std::move(settled), load, *kernels, threads);
    FABULA_TRY(executor->prepare(source, load));
    return std::unique_ptr<Executor>(std::move(executor));
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::out_of_memory, "There is not enough memory to load this model"};
  }
}

Result<MemoryPlan> plan_cpu_memory(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& load) {
  FABULA_TRY(check_spec(spec, load, "CPU"));
  FABULA_ASSIGN(const cpu::WeightPlan weights, cpu::plan_weights(spec, source, load));
  MemoryPlan plan;
  plan.weight_bytes = weights.bytes;
  plan.weight_bytes_per_token = weights.bytes_per_token;
  plan.kv_block_bytes =
      static_cast<uint64_t>(cpu::KvPool::block_bytes_of(cpu::kv_type_of(load.kv_precision), spec.n_layers, spec.n_kv_heads, spec.head_dim));
  plan.kv_bytes_per_token = plan.kv_block_bytes / kv_block_tokens;
  plan.kv_bytes = plan.kv_block_bytes * static_cast<uint64_t>(load.kv_blocks);
  plan.scratch_bytes = cpu::scratch_bytes(spec, load);
  return plan;
}

}  // namespace fabula::compute
