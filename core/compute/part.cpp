#include "core/compute/part.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/hash.h"

namespace fabula::compute {

namespace {

class JoinedExecutor final : public Executor {
 public:
  JoinedExecutor(std::unique_ptr<Executor> lower, std::unique_ptr<Executor> upper, int64_t hidden, int64_t border)
      : lower_(std::move(lower)), upper_(std::move(upper)), hidden_(hidden), border_(border) {
    describe();
  }

  const ExecutorInfo& info() const override { return info_; }
  Status forward(std::span<const SequenceSlice> batch, const std::atomic<bool>* abandon) override;
  const float* logits() const override { return upper_->logits(); }
  int most_ranked() const override { return upper_->most_ranked(); }
  RankedRow ranked_row(int64_t row) const override { return upper_->ranked_row(row); }
  const StepStats& last_step() const override { return stats_; }
  std::span<const double> busy_seconds() const override { return busy_; }
  void set_profiling(bool on) override;
  std::vector<PhaseTime> profile() const override;
  void copy_block(int32_t from, int32_t to, int tokens) override;
  Status read_block(int32_t block, std::span<std::byte> out) const override;
  Status write_block(int32_t block, std::span<const std::byte> bytes) override;
  void set_threads(int threads) override;
  void set_hot(bool hot) override;
  void share_out(int64_t n, const std::function<void(int64_t, int)>& run) override { upper_->share_out(n, run); }

 private:
  void describe();
  void account();

  const std::unique_ptr<Executor> lower_, upper_;
  const int64_t hidden_, border_;
  ExecutorInfo info_;
  StepStats stats_;
  std::vector<double> busy_;  // lower's workers, then upper's
};

std::string both(const std::string& a, const std::string& b) { return a == b ? a : a + " + " + b; }

void JoinedExecutor::describe() {
  const ExecutorInfo &a = lower_->info(), &b = upper_->info();
  Sha256 id;
  id.update("fabula joined");
  id.update_value(border_);
  id.update(a.numerics_id);
  id.update(b.numerics_id);
  const Sha256Digest digest = id.finish();
  info_ = {.kind = both(a.kind, b.kind),
           .isa = both(a.isa, b.isa),
           .threads = std::max(a.threads, b.threads),
           .weight_bytes = a.weight_bytes + b.weight_bytes,
           .weights_from_cache = a.weights_from_cache && b.weights_from_cache,
           .weight_bytes_per_token = a.weight_bytes_per_token + b.weight_bytes_per_token,
           .kv_bytes_per_token = a.kv_bytes_per_token + b.kv_bytes_per_token,
           .kv_block_bytes = a.kv_block_bytes + b.kv_block_bytes,
           .gpu_layers = a.gpu_layers + b.gpu_layers,
           .kv_on_device = a.kv_on_device || b.kv_on_device,
           .scratch_bytes = a.scratch_bytes + b.scratch_bytes,
           .numerics_id = to_hex(std::span(digest).first(16)),
           .tensors = a.tensors};
  info_.tensors.insert(info_.tensors.end(), b.tensors.begin(), b.tensors.end());
  busy_.reserve(lower_->busy_seconds().size() + upper_->busy_seconds().size());
}

Status JoinedExecutor::forward(std::span<const SequenceSlice> batch, const std::atomic<bool>* abandon) {
  size_t tokens = 0;
  for (const SequenceSlice& slice : batch) tokens += slice.tokens.size();
  FABULA_TRY(lower_->forward(batch, abandon));
  std::memcpy(upper_->residual_in(), lower_->residual_out(), tokens * static_cast<size_t>(hidden_) * sizeof(float));
  FABULA_TRY(upper_->forward(batch, abandon));
  account();
  return {};
}

void JoinedExecutor::account() {
  const StepStats &a = lower_->last_step(), &b = upper_->last_step();
  stats_ = {a.seconds + b.seconds, std::max(a.workers, b.workers), a.bytes_read + b.bytes_read};
  busy_.assign(lower_->busy_seconds().begin(), lower_->busy_seconds().end());
  busy_.insert(busy_.end(), upper_->busy_seconds().begin(), upper_->busy_seconds().end());
}

void JoinedExecutor::set_profiling(bool on) {
  lower_->set_profiling(on);
  upper_->set_profiling(on);
}

// Phases of the same name are one: what counts is where the time of the whole step goes.
std::vector<PhaseTime> JoinedExecutor::profile() const {
  std::vector<PhaseTime> all = lower_->profile();
  for (PhaseTime& phase : upper_->profile()) {
    const auto same = std::find_if(all.begin(), all.end(), [&](const PhaseTime& other) { return other.name == phase.name; });
    if (same == all.end()) {
      all.push_back(std::move(phase));
      continue;
    }
    same->seconds += phase.seconds;
    same->shards += phase.shards;
    same->busy_seconds.insert(same->busy_seconds.end(), phase.busy_seconds.begin(), phase.busy_seconds.end());
  }
  return all;
}

void JoinedExecutor::copy_block(int32_t from, int32_t to, int tokens) {
  lower_->copy_block(from, to, tokens);
  upper_->copy_block(from, to, tokens);
}

Status JoinedExecutor::read_block(int32_t block, std::span<std::byte> out) const {
  if (out.size() != info_.kv_block_bytes) return Error{ErrorCode::invalid_argument, "read_block: a buffer of the wrong size"};
  const size_t first = lower_->info().kv_block_bytes;
  FABULA_TRY(lower_->read_block(block, out.first(first)));
  return upper_->read_block(block, out.subspan(first));
}

Status JoinedExecutor::write_block(int32_t block, std::span<const std::byte> bytes) {
  if (bytes.size() != info_.kv_block_bytes) return Error{ErrorCode::invalid_argument, "write_block: bytes of the wrong size"};
  const size_t first = lower_->info().kv_block_bytes;
  FABULA_TRY(lower_->write_block(block, bytes.first(first)));
  return upper_->write_block(block, bytes.subspan(first));
}

void JoinedExecutor::set_threads(int threads) {
  lower_->set_threads(threads);
  upper_->set_threads(threads);
  info_.threads = std::max(lower_->info().threads, upper_->info().threads);
}

void JoinedExecutor::set_hot(bool hot) {
  lower_->set_hot(hot);
  upper_->set_hot(hot);
}

}  // namespace

ModelSpec part_of(const ModelSpec& whole, int64_t first, int64_t end) {
  ModelSpec part = whole;
  part.layers.assign(whole.layers.begin() + first, whole.layers.begin() + end);
  part.n_layers = end - first;
  part.has_embedding = whole.has_embedding && first == 0;
  part.has_head = whole.has_head && end == whole.n_layers;
  if (!part.has_embedding) part.embedding = {};
  if (!part.has_head) {
    part.head = {};
    part.head_bias = part.final_norm = part.final_norm_bias = {};
  }
  return part;
}

Result<std::unique_ptr<Executor>> join_parts(std::unique_ptr<Executor> lower, std::unique_ptr<Executor> upper, const ModelSpec& whole,
                                             int64_t border) {
  if (!lower->residual_out() || !upper->residual_in()) return Error{ErrorCode::internal, "the parts of a model do not fit each other"};
  return std::unique_ptr<Executor>(std::make_unique<JoinedExecutor>(std::move(lower), std::move(upper), whole.hidden, border));
}

}  // namespace fabula::compute
