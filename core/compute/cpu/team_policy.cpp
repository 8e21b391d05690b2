#include "core/compute/cpu/team_policy.h"

#include <algorithm>

namespace fabula::compute::cpu {

namespace {

constexpr double suspicious_loss = 0.10;  // of a window; an idle machine shows less, break-even with two threads is near 0.25
constexpr double window = 0.03;              // several time slices of the kernel (0.75 to 4 ms)
constexpr double clear_gain = 0.97;          // alone must be this much faster to be kept
constexpr double first_stay = 0.1, longest_stay = 2.0;     // seconds alone before the team gets another chance
constexpr double first_pause = 0.5, longest_pause = 4.0;   // seconds together after a trial that did not pay

}  // namespace

void TeamPolicy::enter(State state) {
  state_ = state;
  steps_ = 0;
  seconds_ = lost_ = 0;
}

void TeamPolicy::step_ended(int64_t shape, double seconds, double lost) {
  now_ += seconds;
  if (shape != shape_) {  // nothing to compare with
    shape_ = shape;
    if (state_ == State::trying_alone) enter(State::together);
    else if (state_ == State::trying_together) enter(State::alone);
    else enter(state_);
  }
  ++steps_;
  seconds_ += seconds;
  lost_ += lost;
  if (seconds_ < window) return;
  const double rate = seconds_ / static_cast<double>(steps_), share = lost_ / seconds_;
  switch (state_) {
    case State::together:
      together_rate_ = rate;
      enter(share > suspicious_loss && now_ >= next_trial_ ? State::trying_alone : State::together);
      break;
    case State::trying_alone:
      alone_rate_ = rate;
      if (rate < clear_gain * together_rate_) {
        stay_alone_ = std::max(stay_alone_, first_stay);  // a neighbour that came back needs no new proof
        alone_until_ = now_ + stay_alone_;
        enter(State::alone);
      } else {
        trial_pause_ = std::clamp(2 * trial_pause_, first_pause, longest_pause);
        next_trial_ = now_ + trial_pause_;
        enter(State::together);
      }
      break;
    case State::alone:
      alone_rate_ = rate;
      enter(now_ >= alone_until_ ? State::trying_together : State::alone);
      break;
    case State::trying_together:
      together_rate_ = rate;
      if (rate < alone_rate_) {
        trial_pause_ = stay_alone_ = 0;
        enter(State::together);
      } else {
        stay_alone_ = std::min(longest_stay, 2 * stay_alone_);
        alone_until_ = now_ + stay_alone_;
        enter(State::alone);
      }
      break;
  }
}

}  // namespace fabula::compute::cpu
