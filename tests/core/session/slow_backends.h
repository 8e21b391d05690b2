// The real small model, slowed down to the pace of a large one, so that there is time to kill and to watch
// while it reads and writes. What it computes is the real thing.
#pragma once

#include <chrono>
#include <thread>

#include "core/engine/backends.h"
#include "core/engine/engine.h"

namespace fabula::session::test {

class SlowExecutor : public compute::Executor {
 public:
  SlowExecutor(std::unique_ptr<compute::Executor> inner, std::chrono::microseconds per_token)
      : inner_(std::move(inner)), per_token_(per_token) {}
  const compute::ExecutorInfo& info() const override { return inner_->info(); }
  Status forward(std::span<const compute::SequenceSlice> batch, const std::atomic<bool>* abandon) override {
    for (const compute::SequenceSlice& slice : batch)
      for (size_t i = 0; i < slice.tokens.size() && !(abandon && *abandon); ++i)
        std::this_thread::sleep_for(per_token_);
    return inner_->forward(batch, abandon);
  }
  const float* logits() const override { return inner_->logits(); }
  const compute::StepStats& last_step() const override { return inner_->last_step(); }
  void copy_block(int32_t from, int32_t to, int tokens) override { inner_->copy_block(from, to, tokens); }
  Status read_block(int32_t block, std::span<std::byte> out) const override { return inner_->read_block(block, out); }
  Status write_block(int32_t block, std::span<const std::byte> bytes) override {
    return inner_->write_block(block, bytes);
  }
  void set_threads(int threads) override { inner_->set_threads(threads); }
  void set_hot(bool hot) override { inner_->set_hot(hot); }

 private:
  const std::unique_ptr<compute::Executor> inner_;
  const std::chrono::microseconds per_token_;
};

inline engine::Backends slow_backends(std::chrono::microseconds per_token) {
  engine::Backends backends = engine::real_backends("", {});
  backends.make_executor = [make = backends.make_executor, per_token](
                               const model::Model& model, const engine::ModelLoad& load,
                               const compute::LoadOptions& options) -> Result<std::unique_ptr<compute::Executor>> {
    FABULA_ASSIGN(auto inner, make(model, load, options));
    return std::unique_ptr<compute::Executor>(std::make_unique<SlowExecutor>(std::move(inner), per_token));
  };
  return backends;
}

}  // namespace fabula::session::test
