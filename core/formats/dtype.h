// Element types of stored tensors: one row per type in dtypes.inc feeds names, sizes, the GGUF ids, kernels,
// tests and benches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fabula::formats {

enum class DType : uint8_t {
#define FABULA_DTYPE(symbol, name, gguf_id, block_elements, block_bytes) symbol,
#include "core/formats/dtypes.inc"
#undef FABULA_DTYPE
};

struct DTypeInfo {
  DType type;
  std::string_view name;  // as llama.cpp prints it: "F32", "Q4_1", "IQ4_XS"
  int gguf_id;            // ggml_type; -1 where GGUF has none
  int block_elements;     // consecutive elements of a row that share one block
  int block_bytes;
};

const DTypeInfo& dtype_info(DType type);
std::optional<DType> dtype_from_gguf(uint32_t gguf_id);
std::optional<DType> dtype_from_name_or_none(std::string_view name);  // any case: "q8_0", "bf16"

inline bool is_quantised(DType type) {
  return dtype_info(type).block_elements > 1;
}

// Bytes of one row. `elements` must be a multiple of block_elements.
inline size_t row_bytes(DType type, int64_t elements) {
  const DTypeInfo& info = dtype_info(type);
  return static_cast<size_t>(elements / info.block_elements) * static_cast<size_t>(info.block_bytes);
}

}  // namespace fabula::formats
