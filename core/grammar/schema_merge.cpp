#include <algorithm>

#include "core/grammar/schema_reader.h"

namespace fabula::grammar {

namespace {

using Json = OrderedJson;

bool one_of(const std::string& key, std::initializer_list<const char*> keys) {
  return std::ranges::any_of(keys, [&](const char* k) { return key == k; });
}

Json type_list(const Json& type) {
  return type.is_array() ? type : Json::array({type});
}

// "integer" is a "number", too.
Json common_types(const Json& a, const Json& b) {
  Json common = Json::array();
  for (const Json& x : type_list(a))
    for (const Json& y : type_list(b)) {
      if (x == y) common.push_back(x);
      if ((x == "integer" && y == "number") || (x == "number" && y == "integer")) common.push_back("integer");
    }
  return common;
}

Json common_values(const Json& a, const Json& b) {
  Json common = Json::array();
  if (a.is_array() && b.is_array())
    for (const Json& x : a)
      if (std::ranges::find(b, x) != b.end()) common.push_back(x);
  return common;
}

Json united(const Json& a, const Json& b) {
  Json all = a;
  for (const Json& x : b)
    if (std::ranges::find(all, x) == all.end()) all.push_back(x);
  return all;
}

Json both(const Json& a, const Json& b) {
  return {{"allOf", Json::array({a, b})}};
}

// A property that only one side names is, for the other, an additional one.
void put_properties(Json& target, const Json& from, const Json& other) {
  const auto properties = from.find("properties");
  if (properties == from.end() || !properties->is_object()) return;
  const auto theirs = other.find("properties");
  const auto rest = other.find("additionalProperties");
  for (const auto& [name, schema] : properties->items()) {
    const bool named = theirs != other.end() && theirs->is_object() && theirs->contains(name);
    if (named)
      target[name] = both(schema, (*theirs)[name]);
    else
      target[name] = rest != other.end() ? both(schema, *rest) : schema;
  }
}

}  // namespace

Result<OrderedJson> merge_schemas(const OrderedJson& a, const OrderedJson& b, const std::string& path) {
  if (a.is_boolean()) return a.get<bool>() ? b : Json(false);
  if (b.is_boolean()) return b.get<bool>() ? a : Json(false);
  if (!a.is_object() || !b.is_object())
    return Error{ErrorCode::invalid_argument, "#" + path + " is neither an object nor true or false"};
  Json merged = a;
  for (const auto& [key, value] : b.items()) {
    const auto mine = merged.find(key);
    if (mine == merged.end() || *mine == value) {
      merged[key] = value;
    } else if (key == "type") {
      *mine = common_types(*mine, value);
    } else if (key == "enum") {
      *mine = common_values(*mine, value);
    } else if (key == "required" && mine->is_array() && value.is_array()) {
      *mine = united(*mine, value);
    } else if (one_of(key, {"minimum", "exclusiveMinimum", "minLength", "minItems"}) && value.is_number() && mine->is_number()) {
      if (value.get<double>() > mine->get<double>()) *mine = value;
    } else if (one_of(key, {"maximum", "exclusiveMaximum", "maxLength", "maxItems"}) && value.is_number() && mine->is_number()) {
      if (value.get<double>() < mine->get<double>()) *mine = value;
    } else if (one_of(key, {"items", "additionalProperties"})) {
      *mine = both(*mine, value);
    } else if (key == "allOf" && mine->is_array() && value.is_array()) {
      *mine = united(*mine, value);
    } else if (key == "const") {
      return Json(false);  // two different constants
    } else if (!one_of(key, {"properties", "title", "description", "default", "examples", "example", "$comment", "$defs", "definitions", "$schema", "$id", "deprecated"})) {
      return Error{ErrorCode::unsupported, "the keyword \"" + key + "\" at #" + path + " cannot be combined with another one of that name"};
    }
  }
  if (a.contains("properties") || b.contains("properties")) {
    Json properties = Json::object();
    put_properties(properties, a, b);
    put_properties(properties, b, a);
    merged["properties"] = std::move(properties);
  }
  return merged;
}

}  // namespace fabula::grammar
