#include "core/formats/gguf_value.h"

#include <array>
#include <limits>

namespace fabula::formats {

namespace {

struct TypeInfo {
  std::string_view name;
  size_t bytes;
};
constexpr std::array<TypeInfo, gguf_type_count> types = {{{"uint8", 1},
                                                          {"int8", 1},
                                                          {"uint16", 2},
                                                          {"int16", 2},
                                                          {"uint32", 4},
                                                          {"int32", 4},
                                                          {"float32", 4},
                                                          {"bool", 1},
                                                          {"string", 0},
                                                          {"array", 0},
                                                          {"uint64", 8},
                                                          {"int64", 8},
                                                          {"float64", 8}}};

template <class T>
T load(const std::string& bytes, uint64_t index) {
  T out;
  std::memcpy(&out, bytes.data() + index * sizeof(T), sizeof(T));
  return out;
}

}  // namespace

size_t gguf_type_bytes(GgufType type) {
  return types[static_cast<size_t>(type)].bytes;
}
std::string_view gguf_type_name(GgufType type) {
  return types[static_cast<size_t>(type)].name;
}

std::optional<int64_t> GgufValue::integer_or_none(uint64_t index) const {
  if (index >= count) return std::nullopt;
  switch (element) {
    case GgufType::u8: return load<uint8_t>(bytes, index);
    case GgufType::i8: return load<int8_t>(bytes, index);
    case GgufType::u16: return load<uint16_t>(bytes, index);
    case GgufType::i16: return load<int16_t>(bytes, index);
    case GgufType::u32: return load<uint32_t>(bytes, index);
    case GgufType::i32: return load<int32_t>(bytes, index);
    case GgufType::i64: return load<int64_t>(bytes, index);
    case GgufType::u64: {
      const auto value = load<uint64_t>(bytes, index);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default: return std::nullopt;
  }
}

std::optional<double> GgufValue::number_or_none(uint64_t index) const {
  if (index >= count) return std::nullopt;
  if (element == GgufType::f32) return load<float>(bytes, index);
  if (element == GgufType::f64) return load<double>(bytes, index);
  if (const auto integer = integer_or_none(index)) return static_cast<double>(*integer);
  return std::nullopt;
}

std::optional<bool> GgufValue::boolean_or_none() const {
  if (element != GgufType::boolean || is_array) return std::nullopt;
  return bytes[0] != 0;
}

std::optional<std::string_view> GgufValue::text_or_none(uint64_t index) const {
  if (element != GgufType::string || index >= count) return std::nullopt;
  const uint64_t begin = index == 0 ? 0 : ends[index - 1];
  return std::string_view(bytes).substr(begin, ends[index] - begin);
}

GgufValue GgufValue::text(std::string_view value) {
  GgufValue out;
  out.element = GgufType::string;
  out.bytes = value;
  out.ends = {value.size()};
  return out;
}

GgufValue GgufValue::texts(const std::vector<std::string>& values) {
  GgufValue out;
  out.element = GgufType::string;
  out.is_array = true;
  out.count = values.size();
  for (const std::string& value : values) {
    out.bytes += value;
    out.ends.push_back(out.bytes.size());
  }
  return out;
}

}  // namespace fabula::formats
