// Watches the UI thread: how much of its own time a frame takes, and which named call made the thread sleep.
#pragma once

#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/blocking.h"
#include "core/base/clock.h"

namespace fabula::gui {

// CPU time of the calling thread, so that a busy machine is not taken for a slow frame.
inline double thread_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

class Watchdog final : public BlockingListener {
 public:
  static constexpr double budget_ms = 8;

  // Calls that may block and were made on the UI thread after the window stood: each is one too many.
  void may_block(std::string_view kind, std::string_view what) override {
    if (frames_ < 3 || blocking_.size() >= 32) return;
    blocking_.push_back(std::string(kind) + ": " + std::string(what));
  }

  // Around a call that must not wait for disk, engine or a lock. Where the thread gave up the processor of its own accord
  // (being pre-empted does not count) for longer than the budget, the call's name is kept.
  class Span {
   public:
    Span(Watchdog& dog, std::string_view name) : dog_(dog), name_(name), start_(monotonic_seconds()), waits_(waits()) {}
    ~Span() {
      if (waits() != waits_) dog_.waited(name_, (monotonic_seconds() - start_) * 1e3);
    }
    Span(const Span&) = delete;
    Span& operator=(const Span&) = delete;

   private:
    static long waits() {
      rusage usage{};
      getrusage(RUSAGE_THREAD, &usage);
      return usage.ru_nvcsw;
    }
    Watchdog& dog_;
    std::string_view name_;
    double start_;
    long waits_;
  };

  void frame(double own_ms) {
    ++frames_;
    if (frames_ <= 3) return;  // the first frames load fonts and pages
    slowest_ms_ = std::max(slowest_ms_, own_ms);
    ++own_[std::min(static_cast<size_t>(std::max(own_ms, 0.0) * steps_per_ms), own_.size() - 1)];
  }
  void waited(std::string_view name, double ms) {
    if (frames_ < 3 || ms <= budget_ms || blocking_.size() >= 32) return;
    blocking_.push_back(std::string(name) + " " + std::to_string(static_cast<int>(ms)) + " ms");
  }
  uint64_t frames() const { return frames_; }
  double slowest_ms() const { return slowest_ms_; }
  // Of the frames drawn so far, the time that 99 of 100 stayed below; in tenths of a millisecond.
  double p99_ms() const {
    uint64_t all = 0, below = 0;
    for (const uint64_t n : own_) all += n;
    for (size_t i = 0; i < own_.size(); ++i) {
      below += own_[i];
      if (below * 100 >= all * 99) return static_cast<double>(i + 1) / steps_per_ms;
    }
    return 0;
  }
  const std::vector<std::string>& blocking() const { return blocking_; }

 private:
  uint64_t frames_ = 0;
  static constexpr double steps_per_ms = 10;
  std::array<uint64_t, 1000> own_{};  // how many frames took so many steps; the last one: or more
  double slowest_ms_ = 0;
  std::vector<std::string> blocking_;
};

}  // namespace fabula::gui
