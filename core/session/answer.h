// What a posted command gives back: waited for like a std::future, or called back, so that nobody has to
// poll. Thread: any; one writer and one reader each. A promise that is dropped unanswered answers
// "cancelled", so that nobody waits for ever and nothing throws.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "core/base/blocking.h"
#include "core/base/result.h"

namespace fabula::session {

namespace detail {

template <class T>
struct AnswerState {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<Result<T>> value;
  std::function<void(Result<T>)> then;
};

}  // namespace detail

template <class T>
class Answer {
 public:
  Answer() = default;
  explicit Answer(std::shared_ptr<detail::AnswerState<T>> state) : state_(std::move(state)) {}

  bool valid() const { return state_ != nullptr; }
  void wait() const {
    std::unique_lock lock(state_->mutex);
    if (!state_->value) may_block("engine", "an answer that is not there yet");
    state_->answered.wait(lock, [&] { return state_->value.has_value(); });
  }
  template <class Rep, class Period>
  std::future_status wait_for(std::chrono::duration<Rep, Period> longest) const {
    std::unique_lock lock(state_->mutex);
    const bool there = state_->answered.wait_for(lock, longest, [&] { return state_->value.has_value(); });
    return there ? std::future_status::ready : std::future_status::timeout;
  }
  // Waits; once. Afterwards valid() is false.
  Result<T> get() {
    wait();
    const auto state = std::exchange(state_, nullptr);
    return *std::move(state->value);
  }
  // `done` runs once: on the thread that answers, or here where the answer is there already. It must not
  // block. Afterwards valid() is false.
  void then(std::function<void(Result<T>)> done) {
    const auto state = std::exchange(state_, nullptr);
    {
      const std::lock_guard lock(state->mutex);
      if (!state->value) {
        state->then = std::move(done);
        return;
      }
    }
    done(*std::move(state->value));
  }

 private:
  std::shared_ptr<detail::AnswerState<T>> state_;
};

// The other end.
template <class T>
class AnswerPromise {
 public:
  AnswerPromise() = default;
  AnswerPromise(const AnswerPromise&) = delete;
  AnswerPromise& operator=(const AnswerPromise&) = delete;
  ~AnswerPromise() { set_value(Error{ErrorCode::cancelled, "Fabula is closing"}); }

  Answer<T> answer() const { return Answer<T>(state_); }
  void set_value(Result<T> value) {  // the first one counts
    std::function<void(Result<T>)> then;
    {
      const std::lock_guard lock(state_->mutex);
      if (std::exchange(answered_, true)) return;
      then = std::move(state_->then);
      if (!then) {
        state_->value.emplace(std::move(value));
        state_->answered.notify_all();
        return;
      }
    }
    then(std::move(value));
  }

 private:
  std::shared_ptr<detail::AnswerState<T>> state_ = std::make_shared<detail::AnswerState<T>>();
  bool answered_ = false;  // guarded by the state's mutex
};

}  // namespace fabula::session
