#include "app/server/fields.h"

#include <cmath>

namespace fabula::server {

const OrderedJson* FieldReader::find_or_null(std::string_view name) {
  known_.emplace(name);
  const auto found = object_.find(std::string(name));
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void FieldReader::fail(std::string_view name, std::string message, std::string code) {
  if (!problem_)
    problem_ = ApiError{400, std::move(message), "invalid_request_error", std::string(name), std::move(code)};
}

bool FieldReader::number(std::string_view name, double lowest, double highest, double& out) {
  const OrderedJson* value = find_or_null(name);
  if (!value) return false;
  const double given = value->is_number() ? value->get<double>() : NAN;
  if (!(given >= lowest && given <= highest)) {
    fail(name, std::string(name) + " must be a number from " + OrderedJson(lowest).dump() + " to " +
                   OrderedJson(highest).dump());
    return false;
  }
  out = given;
  return true;
}

bool FieldReader::number(std::string_view name, double lowest, double highest, float& out) {
  double value = 0;
  if (!number(name, lowest, highest, value)) return false;
  out = static_cast<float>(value);
  return true;
}

bool FieldReader::integer(std::string_view name, int64_t lowest, int64_t highest, int64_t& out) {
  const OrderedJson* value = find_or_null(name);
  if (!value) return false;
  const bool fits = value->is_number_unsigned() ? value->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX)
                                                : value->is_number_integer();
  if (!fits || value->get<int64_t>() < lowest || value->get<int64_t>() > highest) {
    fail(name, std::string(name) + " must be an integer from " + std::to_string(lowest) + " to " +
                   std::to_string(highest));
    return false;
  }
  out = value->get<int64_t>();
  return true;
}

bool FieldReader::boolean(std::string_view name, bool& out) {
  const OrderedJson* value = find_or_null(name);
  if (!value) return false;
  if (!value->is_boolean()) {
    fail(name, std::string(name) + " must be true or false");
    return false;
  }
  out = value->get<bool>();
  return true;
}

bool FieldReader::text(std::string_view name, std::string& out, size_t max_bytes) {
  const OrderedJson* value = find_or_null(name);
  if (!value) return false;
  if (!value->is_string() || value->get_ref<const std::string&>().size() > max_bytes) {
    fail(name, std::string(name) + " must be a string of at most " + std::to_string(max_bytes) + " bytes");
    return false;
  }
  out = value->get<std::string>();
  return true;
}

bool FieldReader::texts(std::string_view name, std::vector<std::string>& out, size_t most) {
  const OrderedJson* value = find_or_null(name);
  if (!value) return false;
  const auto add = [&](const OrderedJson& item) {
    const bool fine = item.is_string() && !item.get_ref<const std::string&>().empty() &&
                      item.get_ref<const std::string&>().size() <= 4096;
    if (fine) out.push_back(item.get<std::string>());
    return fine;
  };
  bool fine = value->is_string() || (value->is_array() && value->size() <= most);
  if (value->is_array())
    for (const OrderedJson& item : *value) fine = fine && add(item);
  else
    fine = fine && add(*value);
  if (!fine)
    fail(name, std::string(name) + " must be a string or a list of at most " + std::to_string(most) +
                   " strings, none empty");
  return fine;
}

void FieldReader::require(std::string_view name) {
  if (!find_or_null(name)) fail(name, "the field " + std::string(name) + " is required");
}

void FieldReader::refuse(std::string_view name, const OrderedJson& harmless) {
  const OrderedJson* value = find_or_null(name);
  if (value && *value != harmless)
    fail(name, std::string(name) + " is not supported by Fabula", "unsupported_parameter");
}

void FieldReader::refuse_unknown() {
  for (const auto& [name, value] : object_.items())
    if (!known_.contains(name)) fail(name, "unknown field " + name, "unknown_parameter");
}

ParsedBody parse_body(const std::string& body, bool empty_is_object) {
  if (body.empty() && empty_is_object) return {OrderedJson::object(), std::nullopt};
  JsonLimits limits;
  limits.max_depth = 64;
  auto parsed = parse_ordered_json(body, "the request body", limits);
  if (!parsed.ok()) return {{}, ApiError{400, parsed.error().message}};
  if (!parsed->is_object()) return {{}, ApiError{400, "the request body must be a JSON object"}};
  return {*std::move(parsed), std::nullopt};
}

}  // namespace fabula::server
