// NUMERICS 2: one rounding mode for all threads, no flushing of subnormals.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace fabula::compute::cpu {

// Holds on the thread that made it until it goes out of scope: a worker for its life, a caller for a step.
class StandardRounding {
 public:
#if defined(__x86_64__)
  StandardRounding() : before_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~StandardRounding() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#endif
};

}  // namespace fabula::compute::cpu
