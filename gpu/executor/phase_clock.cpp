#include "gpu/executor/phase_clock.h"

namespace fabula::gpu {

namespace {
constexpr int first_mark = 4;  // the ones before are taken (cuda_executor.cpp)
}

void PhaseClock::restart(bool on) {
  on_ = on;
  entered_.clear();
  if (on) sums_ = {};
}

void PhaseClock::enter(Device& device, Phase phase) {
  if (!on_) return;
  device.mark(first_mark + static_cast<int>(entered_.size()));
  entered_.push_back(phase);
}

void PhaseClock::leave(Device& device) {
  if (on_) device.mark(first_mark + static_cast<int>(entered_.size()));
}

void PhaseClock::collect(Device& device) {
  for (size_t i = 0; i < entered_.size(); ++i) {
    Sum& sum = sums_[static_cast<size_t>(entered_[i])];
    const int mark = first_mark + static_cast<int>(i);
    sum.seconds += device.seconds_between(mark, mark + 1);
    ++sum.times;
  }
  entered_.clear();
}

std::vector<compute::PhaseTime> PhaseClock::times() const {
  std::vector<compute::PhaseTime> out;
  for (size_t i = 0; i < sums_.size(); ++i)
    if (sums_[i].times > 0)
      out.push_back({compute::cpu::phase_name(static_cast<Phase>(i)), sums_[i].seconds, sums_[i].times, {sums_[i].seconds}});
  return out;
}

}  // namespace fabula::gpu
