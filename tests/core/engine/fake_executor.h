// A model that is a hash: logits are a pure function of the tokens that really lie in its KV blocks, at every
// position before and at the row. A wrong block table, a missing copy-on-write, a stale or a damaged block
// change the answer. What the executor's contract forbids (two sequences writing one block, too many rows)
// fails the step.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/compute/executor.h"
#include "core/engine/engine.h"
#include "core/model/model.h"

namespace fabula::test {

inline constexpr int64_t fake_vocab = 300;
inline constexpr int32_t fake_end_token = 7;

// What tests may turn and read while the engine runs.
struct FakeDials {
  std::atomic<int> phase_microseconds{0};    // a step has 8 phases
  std::atomic<int64_t> steps{0}, tokens{0};  // computed
  std::atomic<int64_t> abandoned{0}, largest_batch{0}, largest_step{0};
  std::atomic<int64_t> live{0};  // executors
  std::atomic<bool> hot{false};
  std::atomic<int> threads{0};
  std::atomic<int> read_rates_measured{0};
  std::atomic<bool> nan_logits{false};
  std::atomic<bool> fail_load{false}, slow_load{false};
  std::atomic<bool> repetitive{
      false};  // what follows is mostly decided by the last token: text that can be guessed
  std::atomic<bool> rows_cost{false};  // a step takes (or claims) time by its tokens, not one time for all
  std::atomic<int64_t> end_token_every{0};  // 0: by the hash; n: the end token wins after every n-th token
};

// The logits after `tokens`, from scratch: the reference. The rest as in FakeDials.
std::vector<float> fake_logits(std::span<const int32_t> tokens, int64_t end_token_every = 0,
                               bool repetitive = false);

class FakeExecutor final : public compute::Executor {
 public:
  FakeExecutor(std::shared_ptr<FakeDials> dials, const compute::LoadOptions& load, std::string numerics_id);
  ~FakeExecutor() override;

  const compute::ExecutorInfo& info() const override { return info_; }
  Status forward(std::span<const compute::SequenceSlice> batch, const std::atomic<bool>* abandon) override;
  const float* logits() const override { return logits_.data(); }
  const compute::StepStats& last_step() const override { return stats_; }
  void copy_block(int32_t from, int32_t to, int tokens) override;
  Status read_block(int32_t block, std::span<std::byte> out) const override;
  Status write_block(int32_t block, std::span<const std::byte> bytes) override;
  void set_threads(int threads) override;
  void set_hot(bool hot) override;
  // With more than one thread on two at once; alone backwards: who goes first must not show.
  void share_out(int64_t n, const std::function<void(int64_t, int)>& run) override;
  double measure_read_rate(const std::function<bool()>& interrupted) override;

 private:
  uint64_t& slot(std::span<const int32_t> blocks, int64_t position);
  Status check_step(std::span<const compute::SequenceSlice> batch) const;

  std::shared_ptr<FakeDials> dials_;
  compute::LoadOptions load_;
  compute::ExecutorInfo info_;
  compute::StepStats stats_;
  std::vector<uint64_t> slots_;  // (blocks, kv_block_tokens)
  std::vector<float> logits_;
};

// A model with the hash's vocabulary: token t is written "<t> ", 20 + t/10 % 10 letters stand in between now
// and then, and a few tokens are single bytes of longer characters. fake_end_token ends a reply.
std::shared_ptr<const model::Model> fake_model(int64_t context, std::string fingerprint);

struct FakeSetup {
  std::shared_ptr<FakeDials> dials = std::make_shared<FakeDials>();
  int64_t context = 1024;
  std::string fingerprint = "fake model", numerics_id = "fake numerics";
  engine::Backends backends() const;
};

}  // namespace fabula::test
