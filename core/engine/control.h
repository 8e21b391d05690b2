// Who has been cancelled, seen by an executor before every phase of a step.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

namespace fabula::engine {

// One request's (or load's) switch, shared by whoever may throw it and the thread that works on it.
struct Control {
  uint64_t request = 0;
  uint64_t consumer = 0;  // 0: none
  std::atomic<bool> cancelled{false};
};

// Thread: any, except where said. The lock is held for a few look-ups and never while anything computes.
class Controls {
 public:
  std::shared_ptr<Control> add(uint64_t consumer) {
    const std::lock_guard lock(mutex_);
    auto control = std::make_shared<Control>();
    control->request = ++last_id_;
    control->consumer = consumer;
    live_.emplace(control->request, control);
    return control;
  }
  void remove(const Control& control) {
    const std::lock_guard lock(mutex_);
    live_.erase(control.request);
  }
  bool cancel(uint64_t request) {
    const std::lock_guard lock(mutex_);
    const auto it = live_.find(request);
    if (it == live_.end()) return false;
    it->second->cancelled = true;
    look_at_step();
    return true;
  }
  void cancel_all_of(uint64_t consumer) {
    cancel_where([consumer](const Control& control) { return control.consumer == consumer; });
  }
  void cancel_all() {
    cancel_where([](const Control&) { return true; });
  }

  // Engine thread: the step that begins works for these. A step is abandoned once all of them are cancelled:
  // as long as one lives, the others' cancellation costs it nothing.
  const std::atomic<bool>* begin_step(std::span<const std::shared_ptr<Control>> in_step) {
    const std::lock_guard lock(mutex_);
    in_step_.assign(in_step.begin(), in_step.end());
    abandon_ = false;
    look_at_step();
    return &abandon_;
  }
  void end_step() {
    const std::lock_guard lock(mutex_);
    in_step_.clear();
  }

 private:
  template <class Predicate>
  void cancel_where(Predicate predicate) {
    const std::lock_guard lock(mutex_);
    for (auto& [id, control] : live_)
      if (predicate(*control)) control->cancelled = true;
    look_at_step();
  }
  void look_at_step() {
    if (in_step_.empty()) return;
    for (const auto& control : in_step_)
      if (!control->cancelled) return;
    abandon_ = true;
  }

  std::mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<Control>> live_;
  std::vector<std::shared_ptr<Control>> in_step_;
  std::atomic<bool> abandon_{false};
  uint64_t last_id_ = 0;
};

}  // namespace fabula::engine
