// Watches the UI thread: how much of its own time a frame takes, and which named call made the thread sleep.
#pragma once

#include <sys/resource.h>
#include <time.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace fabula::gui {

// CPU time of the calling thread, so that a busy machine is not taken for a slow frame.
inline double thread_cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

class Watchdog {
 public:
  static constexpr double budget_ms = 8;

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
    if (frames_ > 3 && own_ms > slowest_ms_) slowest_ms_ = own_ms;  // the first frames load fonts and pages
  }
  void waited(std::string_view name, double ms) {
    if (frames_ < 3 || ms <= budget_ms || blocking_.size() >= 32) return;
    blocking_.push_back(std::string(name) + " " + std::to_string(static_cast<int>(ms)) + " ms");
  }
  uint64_t frames() const { return frames_; }
  double slowest_ms() const { return slowest_ms_; }
  const std::vector<std::string>& blocking() const { return blocking_; }

 private:
  uint64_t frames_ = 0;
  double slowest_ms_ = 0;
  std::vector<std::string> blocking_;
};

}  // namespace fabula::gui
