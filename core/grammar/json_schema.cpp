#include "core/grammar/json_schema.h"

#include <algorithm>
#include <array>

#include "core/grammar/json_text.h"
#include "core/grammar/numbers.h"
#include "core/grammar/regex.h"
#include "core/grammar/schema_reader.h"
#include "core/grammar/string_formats.h"

namespace fabula::grammar {

namespace {

constexpr int max_depth = 96;
constexpr size_t max_schemas = 20'000;       // read, references and merged ones counted each time
constexpr size_t max_constant_bytes = 256 << 10;

// Keywords and the type that they speak about; "" means any.
struct Keyword {
  const char* name;
  const char* type;
};
constexpr Keyword keywords[] = {
    {"type", ""}, {"enum", ""}, {"const", ""}, {"anyOf", ""}, {"oneOf", ""}, {"allOf", ""}, {"$ref", ""}, {"nullable", ""},
    {"properties", "object"}, {"required", "object"}, {"additionalProperties", "object"},
    {"items", "array"}, {"prefixItems", "array"}, {"minItems", "array"}, {"maxItems", "array"},
    {"minLength", "string"}, {"maxLength", "string"}, {"pattern", "string"}, {"format", "string"},
    {"minimum", "number"}, {"maximum", "number"}, {"exclusiveMinimum", "number"}, {"exclusiveMaximum", "number"}, {"multipleOf", "number"},
};
constexpr const char* annotations[] = {"title", "description", "default", "examples", "example", "$comment", "$schema", "$id",
                                       "$defs", "definitions", "deprecated", "readOnly", "writeOnly"};
constexpr const char* all_types[] = {"object", "array", "string", "number", "boolean", "null"};

const Keyword* keyword_or_null(const std::string& name) {
  const auto* found = std::ranges::find_if(keywords, [&](const Keyword& k) { return name == k.name; });
  return found == std::end(keywords) ? nullptr : found;
}

bool is_annotation(const std::string& name) {
  return std::ranges::any_of(annotations, [&](const char* a) { return name == a; });
}

bool has_type(const OrderedJson& value, const std::set<std::string>& types) {
  if (value.is_number_integer() && types.contains("integer")) return true;
  if (value.is_number_float() && types.contains("integer") && value.get<double>() == static_cast<double>(static_cast<int64_t>(value.get<double>())))
    return true;
  return types.contains(value.is_object()    ? "object"
                        : value.is_array()   ? "array"
                        : value.is_string()  ? "string"
                        : value.is_boolean() ? "boolean"
                        : value.is_null()    ? "null"
                                             : "number");
}

}  // namespace

Error SchemaReader::wrong(const Place& place, const std::string& what) {
  return {ErrorCode::invalid_argument, "JSON schema, #" + place.path + ": " + what};
}

Error SchemaReader::unsupported(const Place& place, const std::string& keyword, const std::string& why) {
  return {ErrorCode::unsupported, "JSON schema: the keyword \"" + keyword + "\" at #" + place.path + " is not supported" + why};
}

Result<Expr> SchemaReader::read() {
  references_[""] = builder().declare("the schema");
  to_read_.push_back({"", &document_});
  while (!to_read_.empty()) {
    const auto [path, schema] = to_read_.front();
    to_read_.pop_front();
    FABULA_ASSIGN(const Expr body, value(*schema, {path, 0}));
    builder().define(references_[path], body);
  }
  return builder().call(references_[""]);
}

Status SchemaReader::check_keywords(const OrderedJson& schema, const Place& place) const {
  for (const auto& [name, inner] : schema.items()) {
    const bool harmless = (name == "uniqueItems" && inner == OrderedJson(false)) || (name == "strict" && inner.is_boolean());
    if (!harmless && !keyword_or_null(name) && !is_annotation(name)) return unsupported(place, name);
  }
  return {};
}

Result<Expr> SchemaReader::value(const OrderedJson& schema, const Place& place) {
  if (++schemas_read_ > max_schemas || builder().too_large()) return wrong(place, "the schema is too large");
  if (place.depth > max_depth) return wrong(place, "the schema is nested too deeply");
  if (schema.is_boolean()) return schema.get<bool>() ? rules_.value() : builder().never();
  if (!schema.is_object()) return wrong(place, "a schema must be an object, true or false");
  FABULA_TRY(check_keywords(schema, place));
  if (schema.contains("$ref")) return reference(schema, place);
  if (schema.contains("allOf")) return all_of(schema, place);
  for (const char* keyword : {"anyOf", "oneOf"})
    if (schema.contains(keyword)) return composed(schema, keyword, place);
  FABULA_ASSIGN(const std::set<std::string> types, types_of(schema, place));
  if (schema.contains("enum") || schema.contains("const")) return constants(schema, types, place);
  std::vector<Expr> ways;
  for (const std::string& type : types) {
    FABULA_ASSIGN(const Expr way, of_type(type, schema, place));
    ways.push_back(way);
  }
  return builder().choice(std::move(ways));
}

// Where the type is not said, the keywords say it: a value of another type would satisfy them, too, but is not
// what anybody means.
Result<std::set<std::string>> SchemaReader::types_of(const OrderedJson& schema, const Place& place) const {
  std::set<std::string> types;
  if (const auto type = schema.find("type"); type != schema.end()) {
    const OrderedJson list = type->is_array() ? *type : OrderedJson::array({*type});
    for (const OrderedJson& one : list) {
      const bool known = one == "integer" || std::ranges::any_of(all_types, [&](const char* t) { return one == t; });
      if (!known) return wrong(place, "unknown type " + json_constant(one));
      types.insert(one.get<std::string>());
    }
  } else {
    for (const auto& [name, inner] : schema.items())
      if (const Keyword* keyword = keyword_or_null(name); keyword && *keyword->type) types.insert(keyword->type);
    if (types.empty()) types.insert(std::begin(all_types), std::end(all_types));
  }
  if (types.contains("number")) types.erase("integer");
  if (const auto nullable = schema.find("nullable"); nullable != schema.end()) {
    if (!nullable->is_boolean()) return wrong(place, "nullable must be true or false");
    if (nullable->get<bool>()) types.insert("null");
  }
  return types;
}

Result<Expr> SchemaReader::of_type(const std::string& type, const OrderedJson& schema, const Place& place) {
  if (type == "null") return rules_.null();
  if (type == "boolean") return rules_.boolean();
  if (type == "string") return string(schema, place);
  if (type == "array") return array(schema, place);
  if (type == "object") return object(schema, place);
  return number(schema, type == "integer", place);
}

Result<Expr> SchemaReader::constants(const OrderedJson& schema, const std::set<std::string>& types, const Place& place) {
  for (const auto& [name, inner] : schema.items())
    if (const Keyword* keyword = keyword_or_null(name); keyword && *keyword->type)
      return unsupported(place, name, " beside enum or const");
  const auto list = schema.find("enum");
  if (list != schema.end() && !list->is_array()) return wrong(place, "enum must be a list");
  OrderedJson values = list != schema.end() ? *list : OrderedJson::array({schema["const"]});
  std::vector<std::string> texts;
  size_t bytes = 0;
  for (const OrderedJson& one : values) {
    const bool is_const = !schema.contains("const") || schema["const"] == one;
    if (!is_const || !has_type(one, types)) continue;
    texts.push_back(json_constant(one));
    if ((bytes += texts.back().size()) > max_constant_bytes) return wrong(place, "the constants are too large");
  }
  return builder().any_literal(std::move(texts));
}

Result<Expr> SchemaReader::composed(const OrderedJson& schema, const char* keyword, const Place& place) {
  if (!schema[keyword].is_array() || schema[keyword].empty())
    return wrong(place, std::string(keyword) + " must be a list of schemas");
  OrderedJson base = schema;
  base.erase(keyword);
  bool bare = true;
  for (const auto& [name, inner] : base.items()) bare = bare && !keyword_or_null(name);
  std::vector<Expr> ways;
  for (size_t i = 0; i < schema[keyword].size(); ++i) {
    const Place inner = place.at(keyword).at(std::to_string(i));
    if (bare) {
      FABULA_ASSIGN(const Expr way, value(schema[keyword][i], inner));
      ways.push_back(way);
    } else {
      FABULA_ASSIGN(const OrderedJson merged, merge_schemas(base, schema[keyword][i], inner.path));
      FABULA_ASSIGN(const Expr way, value(merged, inner));
      ways.push_back(way);
    }
  }
  return builder().choice(std::move(ways));
}

Result<Expr> SchemaReader::all_of(const OrderedJson& schema, const Place& place) {
  const OrderedJson& parts = schema["allOf"];
  if (!parts.is_array() || parts.empty()) return wrong(place, "allOf must be a list of schemas");
  OrderedJson merged = schema;
  merged.erase("allOf");
  for (size_t i = 0; i < parts.size(); ++i) {
    const Place inner = place.at("allOf").at(std::to_string(i));
    OrderedJson part = parts[i];
    for (int hops = 0; part.is_object() && part.contains("$ref"); ++hops) {
      if (hops > max_depth || !part["$ref"].is_string()) return wrong(inner, "$ref leads nowhere");
      FABULA_ASSIGN(const OrderedJson* target, resolve(part["$ref"].get<std::string>(), inner));
      part.erase("$ref");
      FABULA_ASSIGN(part, merge_schemas(part, *target, inner.path));
    }
    if (part.is_object()) FABULA_TRY(check_keywords(part, inner));
    FABULA_ASSIGN(merged, merge_schemas(merged, part, inner.path));
  }
  return value(merged, Place{place.path, place.depth + 1});
}

Result<Expr> SchemaReader::reference(const OrderedJson& schema, const Place& place) {
  if (!schema["$ref"].is_string()) return wrong(place, "$ref must be a string");
  const auto text = schema["$ref"].get<std::string>();
  FABULA_ASSIGN(const OrderedJson* target, resolve(text, place));
  OrderedJson beside = schema;
  beside.erase("$ref");
  for (const auto& [name, inner] : beside.items()) {
    if (!keyword_or_null(name)) continue;
    FABULA_ASSIGN(const OrderedJson merged, merge_schemas(beside, *target, place.path));
    return value(merged, Place{place.path, place.depth + 1});
  }
  const std::string path = text.substr(1);
  const auto [known, is_new] = references_.try_emplace(path, 0);
  if (is_new) {
    known->second = builder().declare("#" + path);
    to_read_.push_back({path, target});
  }
  return builder().call(known->second);
}

// "#" or a JSON pointer (RFC 6901) into the document, as a URI fragment.
Result<const OrderedJson*> SchemaReader::resolve(const std::string& reference, const Place& place) const {
  if (!reference.starts_with("#")) return unsupported(place, "$ref", ": only references into the same document (#...) are");
  const OrderedJson* at = &document_;
  std::string_view rest = std::string_view(reference).substr(1);
  while (!rest.empty()) {
    if (rest[0] != '/') return unsupported(place, "$ref", ": " + reference + " is no JSON pointer");
    const size_t end = std::min(rest.find('/', 1), rest.size());
    std::string step;
    for (size_t i = 1; i < end; ++i) {
      if (rest[i] == '~' && i + 1 < end && (rest[i + 1] == '0' || rest[i + 1] == '1'))
        step += rest[++i] == '0' ? '~' : '/';
      else
        step += rest[i];
    }
    rest.remove_prefix(end);
    const bool index = at->is_array() && !step.empty() && step.size() < 6 && step.find_first_not_of("0123456789") == std::string::npos;
    if (at->is_object() && at->contains(step))
      at = &(*at)[step];
    else if (index && static_cast<size_t>(std::stoi(step)) < at->size())
      at = &(*at)[static_cast<size_t>(std::stoi(step))];
    else
      return wrong(place, "$ref " + reference + " leads nowhere");
  }
  return at;
}

Result<int64_t> SchemaReader::count(const OrderedJson& schema, const char* keyword, int64_t otherwise, const Place& place) {
  const auto found = schema.find(keyword);
  if (found == schema.end()) return otherwise;
  const bool fits = found->is_number_unsigned() && found->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX);
  if (!fits) return wrong(place, std::string(keyword) + " must be a count");
  return found->get<int64_t>();
}

Result<Expr> SchemaReader::string(const OrderedJson& schema, const Place& place) {
  const bool has_length = schema.contains("minLength") || schema.contains("maxLength");
  for (const char* keyword : {"pattern", "format"}) {
    if (!schema.contains(keyword)) continue;
    if (has_length) return unsupported(place, keyword, " beside minLength or maxLength");
    if (!schema[keyword].is_string()) return wrong(place, std::string(keyword) + " must be a string");
    auto pattern = schema[keyword].get<std::string>();
    if (std::string_view(keyword) == "format") {
      const std::string_view known = format_pattern(pattern);
      if (known.empty()) return unsupported(place, "format", ": " + json_constant(pattern));
      pattern = known;
    } else if (schema.contains("format")) {
      return unsupported(place, "pattern", " beside format");
    }
    const auto body = regex(builder(), pattern, json_character);
    if (!body.ok()) return Error{body.error().code, "JSON schema, #" + place.path + ": " + body.error().message};
    return builder().sequence({builder().literal("\""), *body, builder().literal("\"")});
  }
  if (!has_length) return rules_.string();
  FABULA_ASSIGN(const int64_t least, count(schema, "minLength", 0, place));
  FABULA_ASSIGN(const int64_t most, count(schema, "maxLength", Builder::unbounded, place));
  if (most != Builder::unbounded && most < least) return builder().never();
  if (least > most_characters) return wrong(place, "minLength is above " + std::to_string(most_characters));
  if (most == Builder::unbounded) return rules_.string(least, Builder::unbounded);
  return rules_.string(least, std::min(most, most_characters));
}

Result<Expr> SchemaReader::number(const OrderedJson& schema, bool integer, const Place& place) {
  constexpr std::array bounds = {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"};
  std::map<std::string, Decimal> given;
  int places = integer ? 0 : 2;
  for (const char* keyword : bounds) {
    if (!schema.contains(keyword)) continue;
    const auto decimal = decimal_or_none(schema[keyword]);
    if (!decimal) return unsupported(place, keyword, std::string(" with the value ") + json_constant(schema[keyword]));
    given[keyword] = *decimal;
    places = std::max(places, decimal->places);
  }
  if (given.empty()) return integer ? rules_.integer() : rules_.number();
  if (given.contains("multipleOf") && given["multipleOf"].digits <= 0) return wrong(place, "multipleOf must be above 0");

  // Once as whole numbers, once with digits behind the point.
  std::vector<Expr> ways;
  for (const int digits : {0, places}) {
    if (digits == 0 ? ways.size() > 0 : integer) continue;
    int64_t scale = 1, multiple = 1;
    for (int i = 0; i < digits; ++i) scale *= 10;
    int64_t lowest = -largest_integer, highest = largest_integer;
    bool fits = true;
    for (const auto& [keyword, decimal] : given) {
      // The bound as a count of 10^-digits, rounded inwards.
      const auto exact = at_places(decimal, std::max(digits, decimal.places));
      if (!exact) return unsupported(place, keyword, " of this size");
      int64_t unit = 1;
      for (int i = digits; i < decimal.places; ++i) unit *= 10;
      const int64_t floor = *exact / unit - (*exact % unit < 0 ? 1 : 0), ceiling = floor + (*exact % unit != 0 ? 1 : 0);
      if (keyword == "minimum") lowest = std::max(lowest, ceiling);
      if (keyword == "exclusiveMinimum") lowest = std::max(lowest, floor + 1);
      if (keyword == "maximum") highest = std::min(highest, floor);
      if (keyword == "exclusiveMaximum") highest = std::min(highest, ceiling - 1);
      if (keyword == "multipleOf") {
        fits = *exact % unit == 0;
        multiple = fits ? *exact / unit : 1;
      }
    }
    if (!fits) continue;  // no whole multiple is looked for
    if (multiple > largest_multiple * scale) return unsupported(place, "multipleOf", " above 500");
    if (multiple > largest_multiple) continue;
    ways.push_back(decimals_between(builder(), lowest, highest, multiple, digits));
  }
  return builder().choice(std::move(ways));
}

Result<Expr> SchemaReader::array(const OrderedJson& schema, const Place& place) {
  FABULA_ASSIGN(const int64_t least, count(schema, "minItems", 0, place));
  FABULA_ASSIGN(int64_t most, count(schema, "maxItems", Builder::unbounded, place));
  if (least > most_items) return wrong(place, "minItems is above " + std::to_string(most_items));
  if (most != Builder::unbounded && most < least) return builder().never();
  if (most != Builder::unbounded) most = std::min(most, most_items);
  const auto items = schema.find("items");
  const bool tuple_items = items != schema.end() && items->is_array();  // the older form of prefixItems
  const OrderedJson none = OrderedJson::array();
  const OrderedJson& firsts = schema.contains("prefixItems") ? schema["prefixItems"] : tuple_items ? *items : none;
  if (!firsts.is_array()) return wrong(place, "prefixItems must be a list of schemas");
  const bool others_said = items != schema.end() && !tuple_items;
  if (firsts.empty()) {
    FABULA_ASSIGN(const Expr item, value(others_said ? *items : OrderedJson(true), place.at("items")));
    return rules_.list_of(item, least, most);
  }

  const auto n_firsts = static_cast<int64_t>(firsts.size());
  const int64_t written = most == Builder::unbounded ? n_firsts : std::min(most, n_firsts);
  std::vector<Expr> parts = {builder().literal("["), rules_.space()};
  const Expr comma = builder().sequence({builder().literal(","), rules_.space()});
  for (int64_t i = 0; i < written; ++i) {
    FABULA_ASSIGN(const Expr item, value(firsts[static_cast<size_t>(i)], place.at("prefixItems").at(std::to_string(i))));
    if (i > 0) parts.push_back(comma);
    parts.insert(parts.end(), {item, rules_.space()});
  }
  const int64_t more_least = std::max<int64_t>(least - written, 0);
  const int64_t more_most = most == Builder::unbounded ? Builder::unbounded : most - written;
  if (more_least > 0 || (others_said && more_most != 0)) {
    FABULA_ASSIGN(const Expr item, value(others_said ? *items : OrderedJson(true), place.at("items")));
    const Expr more = builder().as_call("item", builder().sequence({comma, item, rules_.space()}));
    parts.push_back(builder().repeat(more, more_least, more_most));
  }
  parts.push_back(builder().literal("]"));
  return builder().sequence(std::move(parts));
}

Result<Expr> add_json_schema(Builder& builder, const OrderedJson& schema) {
  return SchemaReader(builder, schema).read();
}

Result<GrammarPtr> read_json_schema(const OrderedJson& schema) {
  Builder builder;
  const RuleId root = builder.declare("the schema");
  FABULA_ASSIGN(const Expr body, add_json_schema(builder, schema));
  builder.define(root, body);
  return builder.build(root);
}

Result<GrammarPtr> any_json_object() {
  return read_json_schema({{"type", "object"}});
}

}  // namespace fabula::grammar
