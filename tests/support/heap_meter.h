// How much heap a piece of code holds at its peak. Linking heap_meter.cpp replaces operator new and delete of
// the program.
#pragma once

#include <cstddef>

namespace fabula::test {

// Peak of bytes allocated and not freed since this was made, above what was held then. All threads count.
class HeapMeter {
 public:
  HeapMeter();
  size_t peak_bytes() const;
  static bool is_available();  // false under a sanitizer, which replaces the allocator itself

 private:
  size_t held_before_;
};

}  // namespace fabula::test
