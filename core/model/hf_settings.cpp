#include "core/model/hf_settings.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace fabula::model {

namespace {

std::optional<int64_t> whole_number(const Json& value) {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return std::nullopt;
  if (value.is_number_integer()) return value.get<int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const double number = value.get<double>();  // 1e6 and the like
  if (std::floor(number) != number || std::fabs(number) > 9e15) return std::nullopt;
  return static_cast<int64_t>(number);
}

}  // namespace

bool Settings::has(std::string_view key) const {
  return object_.contains(key);
}

const Json* Settings::find_or_null(std::string_view key) const {
  const auto at = object_.find(key);
  return at == object_.end() || at->is_null() ? nullptr : &*at;
}

int64_t Settings::integer(std::string_view key, std::optional<int64_t> otherwise, int64_t least,
                          int64_t most) {
  const Json* value = find_or_null(key);
  if (!value) {
    if (!otherwise) fail(key, "is missing");
    return otherwise.value_or(least);
  }
  const auto number = value->is_boolean() ? std::nullopt : whole_number(*value);
  if (!number) return fail(key, "is no whole number"), least;
  if (*number < least || *number > most)
    return fail(key, "is " + std::to_string(*number) + ", which makes no sense"), least;
  return *number;
}

std::optional<double> Settings::number(std::string_view key) {
  const Json* value = find_or_null(key);
  if (!value) return std::nullopt;
  if (!value->is_number() || !std::isfinite(value->get<double>()))
    return fail(key, "is no finite number"), std::nullopt;
  return value->get<double>();
}

double Settings::number(std::string_view key, double if_absent) {
  return number(key).value_or(has(key) ? 0.0 : if_absent);
}

std::optional<bool> Settings::boolean(std::string_view key) {
  const Json* value = find_or_null(key);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) return fail(key, "is no truth value"), std::nullopt;
  return value->get<bool>();
}

std::optional<std::string> Settings::text(std::string_view key) {
  const Json* value = find_or_null(key);
  if (!value) return std::nullopt;
  if (!value->is_string()) return fail(key, "is no text"), std::nullopt;
  return value->get<std::string>();
}

std::optional<std::vector<std::string>> Settings::texts(std::string_view key) {
  const Json* value = find_or_null(key);
  if (!value) return std::nullopt;
  std::vector<std::string> out;
  if (!value->is_array()) return fail(key, "is no list"), std::nullopt;
  for (const Json& element : *value) {
    if (!element.is_string()) return fail(key, "is no list of texts"), std::nullopt;
    out.push_back(element.get<std::string>());
  }
  return out;
}

std::optional<std::vector<int64_t>> Settings::integers(std::string_view key) {
  const Json* value = find_or_null(key);
  if (!value) return std::nullopt;
  std::vector<int64_t> out;
  if (!value->is_array()) return fail(key, "is no list"), std::nullopt;
  for (const Json& element : *value) {
    const auto number = whole_number(element);
    if (!number) return fail(key, "is no list of whole numbers"), std::nullopt;
    out.push_back(*number);
  }
  return out;
}

std::optional<std::vector<double>> Settings::numbers(std::string_view key) {
  const Json* value = find_or_null(key);
  if (!value) return std::nullopt;
  std::vector<double> out;
  if (!value->is_array()) return fail(key, "is no list"), std::nullopt;
  for (const Json& element : *value) {
    if (!element.is_number()) return fail(key, "is no list of numbers"), std::nullopt;
    out.push_back(element.get<double>());
  }
  return out;
}

void Settings::refuse_if_set(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    const Json* value = find_or_null(key);
    const bool is_off = !value || *value == false || (value->is_number() && value->get<double>() == 0.0);
    if (!is_off) fail(key, "is set, which is not supported", ErrorCode::unsupported);
  }
}

void Settings::fail(std::string_view key, const std::string& why, ErrorCode code) {
  if (!error_) error_ = Error{code, place_ + ": " + std::string(key) + " " + why};
}

void Settings::adopt_error(const Settings& inner) {
  if (!error_) error_ = inner.error_;
}

std::string text_or_empty(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace fabula::model
