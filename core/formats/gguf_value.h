// One metadata value of a GGUF file: a scalar, or an array of scalars or strings. Arrays of arrays are not
// taken.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace fabula::formats {

enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

inline constexpr uint32_t gguf_type_count = 13;

size_t gguf_type_bytes(GgufType type);  // 0 for strings and arrays
std::string_view gguf_type_name(GgufType type);

// Strings lie one behind the other in `bytes`, so that a value takes no more memory than it takes in the
// file.
struct GgufValue {
  GgufType element = GgufType::u32;  // of a scalar: its type
  bool is_array = false;
  uint64_t count = 1;
  std::string bytes;           // little-endian elements, or all strings
  std::vector<uint64_t> ends;  // strings only: where each ends in `bytes`

  // None: another type, out of range, or not representable.
  std::optional<int64_t> integer_or_none(uint64_t index = 0) const;  // any integer type
  std::optional<double> number_or_none(uint64_t index = 0) const;    // any integer or float type
  std::optional<bool> boolean_or_none() const;
  std::optional<std::string_view> text_or_none(uint64_t index = 0) const;

  static GgufValue text(std::string_view value);
  static GgufValue texts(const std::vector<std::string>& values);
  template <class T>
  static GgufValue scalar(GgufType type, T value) {  // sizeof(T) == gguf_type_bytes(type)
    GgufValue out;
    out.element = type;
    out.bytes.assign(reinterpret_cast<const char*>(&value), sizeof value);
    return out;
  }
  static GgufValue u32(uint32_t value) { return scalar(GgufType::u32, value); }
  static GgufValue f32(float value) { return scalar(GgufType::f32, value); }
  static GgufValue boolean(bool value) { return scalar(GgufType::boolean, static_cast<uint8_t>(value)); }
};

using GgufMetadata = std::map<std::string, GgufValue, std::less<>>;

inline const GgufValue* find_or_null(const GgufMetadata& metadata, std::string_view key) {
  const auto at = metadata.find(key);
  return at == metadata.end() ? nullptr : &at->second;
}

}  // namespace fabula::formats
