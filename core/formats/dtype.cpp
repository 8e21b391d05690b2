#include "core/formats/dtype.h"

#include <array>

namespace fabula::formats {

namespace {

constexpr DTypeInfo table[] = {
#define FABULA_DTYPE(symbol, name, gguf_id, block_elements, block_bytes) \
  {DType::symbol, name, gguf_id, block_elements, block_bytes},
#include "core/formats/dtypes.inc"
#undef FABULA_DTYPE
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

const DTypeInfo& dtype_info(DType type) {
  return table[static_cast<size_t>(type)];
}

std::optional<DType> dtype_from_gguf(uint32_t gguf_id) {
  for (const DTypeInfo& info : table)
    if (info.gguf_id >= 0 && static_cast<uint32_t>(info.gguf_id) == gguf_id) return info.type;
  return std::nullopt;
}

std::optional<DType> dtype_from_name_or_none(std::string_view name) {
  for (const DTypeInfo& info : table) {
    if (info.name.size() != name.size()) continue;
    bool equal = true;
    for (size_t i = 0; i < name.size(); ++i) equal = equal && lower(info.name[i]) == lower(name[i]);
    if (equal) return info.type;
  }
  return std::nullopt;
}

}  // namespace fabula::formats
