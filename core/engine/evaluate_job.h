// Logits of a whole prompt on their way from the engine thread to the thread that asked: one chunk at a time,
// so that a slow taker neither holds the engine up nor lets rows pile up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "core/base/result.h"

namespace fabula::engine {

class EvaluateJob {
 public:
  using Deliver = std::function<Status(int64_t first_row, int64_t n, const float* rows)>;

  // ---- engine thread ----
  bool wants_rows() const;
  void put(int64_t first_row, int64_t n, const float* rows, size_t n_values);  // after wants_rows() said true
  void finish(Status status);

  // ---- the asking thread: delivers until the end. `taken`: rows were taken, the engine may go on; `stop`:
  // it need not. ----
  Status wait(const Deliver& deliver, const std::atomic<bool>* cancel, const std::function<void()>& taken,
              const std::function<void()>& stop);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<float> rows_;
  int64_t first_row_ = 0, n_rows_ = 0;  // n_rows_ > 0: waiting to be taken
  std::optional<Status> end_;
};

}  // namespace fabula::engine
