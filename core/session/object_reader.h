// Reads one JSON object field by field, remembers the first thing that was wrong and every name that was
// asked for, so that finish() can refuse fields nobody knows. Getters go on with a harmless value after an
// error.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace fabula::session {

class ObjectReader {
 public:
  ObjectReader(const Json& value, std::string where) : where_(std::move(where)) {
    if (value.is_object())
      object_ = &value;
    else
      fail("", "an object was expected, but it is " + std::string(value.type_name()));
  }

  // Absent and null are one and the same.
  const Json* child_or_null(const char* name) {
    names_.emplace_back(name);
    if (!object_) return nullptr;
    const auto found = object_->find(name);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
  }
  const Json* child(const char* name) {
    const Json* found = child_or_null(name);
    if (!found) fail(name, "is missing");
    return found;
  }

  std::string text(const char* name) { return read_text(name, child(name)); }
  std::string text_or_empty(const char* name) { return read_text(name, child_or_null(name)); }
  int64_t integer(const char* name, int64_t lowest, int64_t highest) {
    return read_integer(name, child(name), lowest, highest);
  }
  std::optional<int64_t> integer_or_none(const char* name, int64_t lowest, int64_t highest) {
    const Json* found = child_or_null(name);
    if (!found) return std::nullopt;
    return read_integer(name, found, lowest, highest);
  }
  double number(const char* name, double lowest, double highest) {
    const Json* found = child(name);
    if (!found) return lowest;
    if (!found->is_number()) return fail(name, "a number was expected"), lowest;
    const double value = found->get<double>();
    if (!(value >= lowest && value <= highest)) return fail(name, "the number is out of range"), lowest;
    return value;
  }
  bool boolean(const char* name) {
    const Json* found = child(name);
    if (!found) return false;
    if (!found->is_boolean()) return fail(name, "true or false was expected"), false;
    return found->get<bool>();
  }
  std::vector<std::string> texts_or_empty(const char* name) {
    std::vector<std::string> out;
    const Json* found = child_or_null(name);
    if (!found) return out;
    if (!found->is_array()) return fail(name, "a list of texts was expected"), out;
    for (const Json& entry : *found) out.push_back(read_text(name, &entry));
    return out;
  }

  std::string path_of(const char* name) const { return where_ + "." + name; }
  void fail(const char* name, const std::string& why) {
    if (problem_) return;
    problem_ = Error{ErrorCode::corrupt, (name && *name ? path_of(name) : where_) + ": " + why};
  }
  // Takes the value, or keeps the error for finish().
  template <class T>
  T keep(Result<T> result) {
    if (result.ok()) return *std::move(result);
    if (!problem_) problem_ = std::move(result).error();
    return T{};
  }

  Status finish() {
    if (problem_) return *problem_;
    for (const auto& [name, value] : object_->items()) {
      bool known = false;
      for (std::string_view asked : names_) known = known || asked == name;
      if (!known)
        return Error{ErrorCode::corrupt, where_ + ": the field \"" + name.substr(0, 80) + "\" is unknown"};
    }
    return {};
  }

 private:
  std::string read_text(const char* name, const Json* found) {
    if (!found) return {};
    if (!found->is_string())
      return fail(name, "a text was expected, but it is " + std::string(found->type_name())), "";
    return found->get<std::string>();
  }
  int64_t read_integer(const char* name, const Json* found, int64_t lowest, int64_t highest) {
    if (!found) return lowest;
    if (!found->is_number_integer()) return fail(name, "a whole number was expected"), lowest;
    if (found->is_number_unsigned() && found->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
      return fail(name, "the number is out of range"), lowest;
    const int64_t value = found->get<int64_t>();
    if (value < lowest || value > highest) return fail(name, "the number is out of range"), lowest;
    return value;
  }

  const Json* object_ = nullptr;
  std::string where_;
  std::vector<std::string> names_;
  std::optional<Error> problem_;
};

}  // namespace fabula::session
