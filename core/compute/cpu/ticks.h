// The cheapest clock there is: 5 ns a reading, where the system's takes 20 to 40. Its rate is known to Team alone.
#pragma once

#include <cstdint>

#include "core/base/clock.h"

#if !defined(__x86_64__)
#include <chrono>
#endif

namespace fabula::compute::cpu {

inline uint64_t ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();  // constant, and the same on all cores, of every x86-64 with AVX2
#else
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

// Both clocks at nearly one moment: `doubt_seconds` is how far apart the readings may lie (a thread may lose its core between them).
struct Moment {
  double seconds = 0, doubt_seconds = 0;
  uint64_t ticks = 0;
};
inline Moment moment() {
  const double before = monotonic_seconds();
  const uint64_t at = ticks();
  const double after = monotonic_seconds();
  return {(before + after) / 2, after - before, at};
}

}  // namespace fabula::compute::cpu
