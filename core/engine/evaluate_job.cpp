#include "core/engine/evaluate_job.h"

#include <chrono>
#include <utility>

namespace fabula::engine {

bool EvaluateJob::wants_rows() const {
  const std::lock_guard lock(mutex_);
  return n_rows_ == 0;
}

void EvaluateJob::put(int64_t first_row, int64_t n, const float* rows, size_t n_values) {
  {
    const std::lock_guard lock(mutex_);
    rows_.assign(rows, rows + n_values);
    first_row_ = first_row;
    n_rows_ = n;
  }
  changed_.notify_all();
}

void EvaluateJob::finish(Status status) {
  {
    const std::lock_guard lock(mutex_);
    if (!end_) end_ = std::move(status);
  }
  changed_.notify_all();
}

Status EvaluateJob::wait(const Deliver& deliver, const std::atomic<bool>* cancel,
                         const std::function<void()>& taken, const std::function<void()>& stop) {
  constexpr auto look_at_cancel_every = std::chrono::milliseconds(20);
  Status outcome;
  bool stopped = false;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait_for(lock, look_at_cancel_every, [this] { return n_rows_ > 0 || end_; });
    if (n_rows_ > 0) {
      lock.unlock();  // the engine does not touch the rows until they are marked as taken
      if (!stopped) outcome = deliver(first_row_, n_rows_, rows_.data());
      lock.lock();
      n_rows_ = 0;
      taken();
    } else if (end_) {
      return outcome.ok() ? *end_ : outcome;
    }
    if (stopped || (outcome.ok() && !(cancel && *cancel))) continue;
    stopped = true;
    stop();
  }
}

}  // namespace fabula::engine
