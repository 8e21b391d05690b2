// Ctrl+C as a flag: the first one cancels what is being written, a second one before that ends ends the
// process.
#pragma once

#include <atomic>
#include <csignal>

namespace fabula::cli {

namespace detail {
// The one thing a signal handler may touch.
inline std::atomic<bool> interrupt_seen{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" inline void fabula_cli_on_interrupt(int signal_number) {
  interrupt_seen.store(true);
  std::signal(signal_number, SIG_DFL);
}
}  // namespace detail

class InterruptScope {
 public:
  InterruptScope() : before_(std::signal(SIGINT, detail::fabula_cli_on_interrupt)) {
    detail::interrupt_seen.store(false);
  }
  ~InterruptScope() { std::signal(SIGINT, before_); }
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  // True once per Ctrl+C.
  bool take() const { return detail::interrupt_seen.exchange(false); }

  // True from a Ctrl+C on, until take().
  const std::atomic<bool>& seen() const { return detail::interrupt_seen; }

 private:
  void (*before_)(int);
};

}  // namespace fabula::cli
