// Calls that block for long (a server elsewhere writes a reply, a model is quantised): each has a thread of its own here, and a
// switch that ends it.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <thread>

namespace fabula {

// Thread: one owner.
class LongCalls {
 public:
  using Cancel = std::shared_ptr<std::atomic<bool>>;  // true: end as soon as can be
  LongCalls() = default;
  ~LongCalls();  // cancels all, waits for them
  LongCalls(const LongCalls&) = delete;
  LongCalls& operator=(const LongCalls&) = delete;

  // `job` runs on a thread of its own. The answer cancels it.
  Cancel run(std::function<void(const std::atomic<bool>& cancel)> job);

 private:
  struct Call {
    Cancel cancel;
    std::shared_ptr<std::atomic<bool>> ended;
    std::thread thread;
  };
  std::list<Call> calls_;
};

}  // namespace fabula
