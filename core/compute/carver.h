// Lays many arrays out in one memory: a first pass without it counts, a second one hands the pieces out.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fabula::compute {

class Carver {
 public:
  // base: the memory, or null to count. Every piece begins at a multiple of `alignment` bytes from it.
  Carver(uint8_t* base, size_t alignment) : base_(base), alignment_(alignment) {}

  template <class T>
  T* take(int64_t count) {
    T* const out = base_ ? reinterpret_cast<T*>(base_ + used_) : nullptr;
    used_ += (static_cast<size_t>(count) * sizeof(T) + alignment_ - 1) / alignment_ * alignment_;
    return out;
  }
  size_t used_bytes() const { return used_; }

 private:
  uint8_t* base_;
  size_t alignment_;
  size_t used_ = 0;
};

}  // namespace fabula::compute
