// A tensor on disk, whatever file it lies in, and the thing that can read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/formats/dtype.h"

namespace fabula::formats {

struct TensorInfo {
  std::string name;
  DType type = DType::f32;
  std::vector<int64_t>
      shape;     // outermost first, as safetensors writes it: (rows, cols). GGUF's order is turned round.
  int file = 0;  // which file of a split or index
  uint64_t offset = 0;  // bytes from the start of that file
  uint64_t bytes = 0;

  int64_t elements() const {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    return n;
  }
};

// Tensors of one model. Sizes, types and bounds were checked when it was opened.
// Thread: const calls from any thread at once.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  virtual std::span<const TensorInfo> tensors() const = 0;
  virtual const TensorInfo* find_or_null(std::string_view name) const = 0;
  // Reads out.size() bytes of the tensor from byte `begin` of its data. Errors: io, corrupt (the file has
  // shrunk since).
  virtual Status read(const TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const = 0;
};

}  // namespace fabula::formats
