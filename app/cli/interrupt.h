// Ctrl+C as a flag, and SIGTERM where something half-written has to go: the first one cancels what is being written,
// a second one before that ends ends the process.
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
  explicit InterruptScope(bool also_termination = false) : termination_(also_termination) {
    detail::interrupt_seen.store(false);
    before_ = std::signal(SIGINT, detail::fabula_cli_on_interrupt);
    if (termination_) before_termination_ = std::signal(SIGTERM, detail::fabula_cli_on_interrupt);
  }
  ~InterruptScope() {
    std::signal(SIGINT, before_);
    if (termination_) std::signal(SIGTERM, before_termination_);
  }
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  // True once per Ctrl+C.
  bool take() const { return detail::interrupt_seen.exchange(false); }

  // True from a Ctrl+C on, until take().
  const std::atomic<bool>& seen() const { return detail::interrupt_seen; }

 private:
  const bool termination_;
  void (*before_)(int) = SIG_DFL;
  void (*before_termination_)(int) = SIG_DFL;
};

}  // namespace fabula::cli
