// Large memory on huge pages where the system gives them: a 4 KiB page table walk per 64 cache lines costs a streaming kernel dear.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/result.h"

namespace fabula::compute::cpu {

class HugeBuffer {
 public:
  HugeBuffer() = default;
  ~HugeBuffer();
  HugeBuffer(HugeBuffer&& other) noexcept;
  HugeBuffer& operator=(HugeBuffer&& other) noexcept;

  // Zeroed, aligned to 2 MiB. `what` names it in the error. Errors: out_of_memory with both sizes.
  static Result<HugeBuffer> allocate(size_t size_bytes, std::string_view what);

  uint8_t* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }

 private:
  void* mapping_ = nullptr;
  size_t mapped_bytes_ = 0;
  uint8_t* data_ = nullptr;
  size_t size_bytes_ = 0;
};

}  // namespace fabula::compute::cpu
