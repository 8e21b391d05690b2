// Fields of tokenizer.json, asked for with their kind; a wrong kind is an error that names the field.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/base/result.h"

namespace fabula::text {

inline Error wrong_field(std::string_view owner, std::string_view key, std::string_view expected) {
  std::string message = "tokenizer.json: ";
  message.append(owner).append(".").append(key).append(" should be ").append(expected);
  return {ErrorCode::corrupt, std::move(message)};
}

inline Error unknown_type(std::string_view what, std::string_view type) {
  std::string message = "tokenizer.json: the ";
  message.append(what).append(" \"").append(type).append("\" is not known");
  return {ErrorCode::unsupported, std::move(message)};
}

// The field, or a null that lives for ever where it is absent.
inline const Json& field_or_null(const Json& object, std::string_view key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

inline Result<std::string> string_field(const Json& object, std::string_view owner, std::string_view key) {
  const Json& field = field_or_null(object, key);
  if (!field.is_string()) return wrong_field(owner, key, "a string");
  return field.get_ref<const std::string&>();
}

inline std::string string_field_or(const Json& object, std::string_view key, std::string_view otherwise) {
  const Json& field = field_or_null(object, key);
  return field.is_string() ? field.get_ref<const std::string&>() : std::string(otherwise);
}

inline Result<bool> bool_field_or(const Json& object, std::string_view owner, std::string_view key,
                                  bool otherwise) {
  const Json& field = field_or_null(object, key);
  if (field.is_null()) return otherwise;
  if (!field.is_boolean()) return wrong_field(owner, key, "true or false");
  return field.get<bool>();
}

// A token id: 0 to 2^24.
inline Result<int32_t> id_value(const Json& value, std::string_view owner, std::string_view key) {
  if (!value.is_number_integer() || value.get<int64_t>() < 0 || value.get<int64_t>() > (1 << 24))
    return wrong_field(owner, key, "a token id");
  return static_cast<int32_t>(value.get<int64_t>());
}

inline Result<std::string> type_of(const Json& object, std::string_view what) {
  const Json& type = field_or_null(object, "type");
  if (!type.is_string()) return wrong_field(what, "type", "a string");
  return type.get_ref<const std::string&>();
}

}  // namespace fabula::text
