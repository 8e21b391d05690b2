// Where the time of a step goes on the device: marks in the stream where the kind of work changes. Between launches that the host cannot
// send as fast as the device runs them, waiting counts to the phase before; recorded steps have no such gaps and no marks either.
#pragma once

#include <array>
#include <vector>

#include "core/compute/cpu/phase_profile.h"
#include "gpu/device/runtime.h"

namespace fabula::gpu {

using compute::cpu::Phase;

class PhaseClock {
 public:
  void restart(bool on);
  bool on() const { return on_; }

  void begin() { entered_.clear(); }  // of a step
  // What is launched from here on belongs to `phase`.
  void enter(Device& device, Phase phase);
  void leave(Device& device);    // the end of a step
  void collect(Device& device);  // after the device has finished: adds the step up

  // seconds, how often each kind was entered, and the device as the one worker, busy all along.
  std::vector<compute::PhaseTime> times() const;

 private:
  bool on_ = false;
  std::vector<Phase> entered_;  // mark first_mark + i stands before entered_[i]
  struct Sum {
    double seconds = 0;
    uint64_t times = 0;
  };
  std::array<Sum, compute::cpu::phase_count> sums_{};
};

}  // namespace fabula::gpu
