// What the schema reader takes, what it refuses, and how. Whole replies are judged by Python's jsonschema in
// schema_replies_test.py.
#include "core/grammar/json_schema.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/grammar/matcher.h"
#include "tests/core/grammar/grammar_helpers.h"

using namespace fabula;

namespace {

grammar::GrammarPtr read(const char* schema) {
  auto grammar = grammar::read_json_schema(OrderedJson::parse(schema));
  REQUIRE_MESSAGE(grammar.ok(), schema << (grammar.ok() ? "" : grammar.error().message));
  return *grammar;
}

std::string error_of(const OrderedJson& schema) {
  const auto grammar = grammar::read_json_schema(schema);
  return grammar.ok() ? "" : grammar.error().message;
}
std::string error_of(const char* schema) { return error_of(OrderedJson::parse(schema)); }

}  // namespace

TEST_CASE("objects: order, optional members, additional ones") {
  const auto grammar = read(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"},"c":{"type":"null"}},
                               "required":["b"],"additionalProperties":false})");
  for (const char* text : {R"({"b":"x"})", R"({"a":1,"b":""})", R"({ "a": -20, "b": "é\n", "c": null })", "{\n  \"b\": \"\\u00e9\"\n}"})
    CHECK(test::accepts(grammar, text));
  for (const char* text : {"{}", R"({"a":1})", R"({"b":"x","a":1})", R"({"b":"x","d":1})", R"({"b":"x",})", R"({"a":1.5,"b":"x"})", R"({"a":01,"b":"x"})"})
    CHECK_FALSE(test::accepts(grammar, text));
  const auto more = read(R"({"type":"object","properties":{"ab":{"type":"integer"}},"additionalProperties":{"type":"boolean"}})");
  for (const char* text : {"{}", R"({"ab":1})", R"({"ab":1,"x":true})", R"({"a":true,"abc":false})"}) CHECK(test::accepts(more, text));
  for (const char* text : {R"({"ab":true})", R"({"x":true,"ab":1})", R"({"x":1})", R"({"a\u0062":true})"}) CHECK_FALSE(test::accepts(more, text));
}

TEST_CASE("numbers between bounds") {
  const auto grammar = read(R"({"type":"integer","minimum":-12,"exclusiveMaximum":105})");
  for (int i = -200; i <= 300; ++i) CHECK(test::accepts(grammar, std::to_string(i)) == (i >= -12 && i < 105));
  CHECK_FALSE(test::accepts(grammar, "-0"));
  const auto sevens = read(R"({"type":"integer","multipleOf":7,"minimum":0})");
  for (int i = 0; i <= 2000; ++i) CHECK(test::accepts(sevens, std::to_string(i)) == (i % 7 == 0));
  const auto share = read(R"({"type":"number","minimum":0.5,"maximum":1.25})");
  for (const char* text : {"0.50", "1", "1.25", "0.99"}) CHECK(test::accepts(share, text));
  for (const char* text : {"0.49", "1.26", "2", "0", "-0.75", "1.2500001"}) CHECK_FALSE(test::accepts(share, text));
  const auto open = read(R"({"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1})");
  for (const char* text : {"0.01", "0.99"}) CHECK(test::accepts(open, text));
  for (const char* text : {"0", "1", "0.00", "1.00", "-0.50"}) CHECK_FALSE(test::accepts(open, text));
}

TEST_CASE("strings by length count characters, however they are written") {
  const auto grammar = read(R"({"type":"string","minLength":2,"maxLength":3})");
  for (const char* text : {R"("ab")", R"("äöü")", R"("\u00e4\n")", R"("😀😀😀")", R"("\ud83d\ude00x")"}) CHECK(test::accepts(grammar, text));
  for (const char* text : {R"("a")", R"("abcd")", R"("\ud83d")", R"("\ud83dx")", R"("\ude00x")", "\"a\nb\""}) CHECK_FALSE(test::accepts(grammar, text));
}

TEST_CASE("references, also to themselves") {
  const auto tree = read(R"({"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},
      "kids":{"type":"array","items":{"$ref":"#/$defs/node"}}},"required":["v","kids"],"additionalProperties":false}}})");
  CHECK(test::accepts(tree, R"({"v":1,"kids":[{"v":2,"kids":[]},{"v":3,"kids":[{"v":4,"kids":[]}]}]})"));
  CHECK_FALSE(test::accepts(tree, R"({"v":1,"kids":[{"v":2}]})"));
  CHECK(error_of(R"({"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}})").find("no finite text") != std::string::npos);
  CHECK(error_of(R"({"anyOf":[{"type":"null"},{"$ref":"#"}]})").find("begins with itself") != std::string::npos);
  CHECK(error_of(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})").find("no finite text") != std::string::npos);
  CHECK(error_of(R"({"$ref":"#/$defs/none"})").find("leads nowhere") != std::string::npos);
  CHECK(error_of(R"({"$ref":"http://example.org/x"})").find("only references into the same document") != std::string::npos);
}

TEST_CASE("combined schemas hold together") {
  const auto all = read(R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer","minimum":3}},"required":["a"]},
                            {"properties":{"a":{"maximum":5},"b":{"type":"boolean"}},"required":["b"]}]})");
  CHECK(test::accepts(all, R"({"a":4,"b":true})"));
  CHECK_FALSE(test::accepts(all, R"({"a":6,"b":true})"));
  CHECK_FALSE(test::accepts(all, R"({"a":4})"));
  const auto any = read(R"({"type":"object","properties":{"kind":{"enum":["x","y"]}},"required":["kind"],
                            "anyOf":[{"properties":{"n":{"type":"integer"}},"required":["n"]},{"properties":{"s":{"type":"string"}},"required":["s"]}]})");
  CHECK(test::accepts(any, R"({"kind":"x","n":1})"));
  CHECK(test::accepts(any, R"({"kind":"y","s":""})"));
  CHECK_FALSE(test::accepts(any, R"({"kind":"y"})"));
  // What one part closes, another cannot open.
  CHECK(error_of(R"({"allOf":[{"type":"object","properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{}},"required":["b"]}]})")
            .find("no finite text") != std::string::npos);
}

TEST_CASE("an unsupported keyword is named with its place") {
  CHECK(error_of(R"({"type":"object","properties":{"a":{"not":{}}}})") ==
        "JSON schema: the keyword \"not\" at #/properties/a is not supported");
  for (const char* keyword : {"if", "patternProperties", "propertyNames", "contains", "dependentRequired", "minProperties", "unevaluatedProperties", "foo"})
    CHECK(error_of(OrderedJson{{"type", "object"}, {keyword, 1}}).find(OrderedJson(keyword).dump()) != std::string::npos);
  CHECK(error_of(R"({"type":"array","uniqueItems":true})").find("uniqueItems") != std::string::npos);
  CHECK(error_of(R"({"type":"string","format":"iri"})").find("format") != std::string::npos);
  CHECK(error_of(R"s({"type":"string","pattern":"(?=a)"})s").find("look-around") != std::string::npos);
  CHECK(error_of(R"({"type":"strin"})").find("unknown type \"strin\"") != std::string::npos);
  CHECK(error_of(R"({"type":"string","minLength":-1})").find("minLength") != std::string::npos);
  CHECK(error_of(R"([])").find("must be an object") != std::string::npos);
  CHECK(error_of(R"({"enum":[]})").find("no finite text") != std::string::npos);
  CHECK(error_of(R"({"type":"integer","minimum":5,"maximum":4})").find("no finite text") != std::string::npos);
}

TEST_CASE("hostile schemas end in an error, soon") {
  OrderedJson deep = {{"type", "string"}};
  for (int i = 0; i < 500; ++i) deep = {{"type", "array"}, {"items", deep}};
  CHECK(error_of(deep).find("nested too deeply") != std::string::npos);

  OrderedJson wide = {{"type", "object"}};
  for (int i = 0; i < 5000; ++i) wide["properties"][std::to_string(i)] = {{"type", "string"}};
  CHECK(error_of(wide).find("more than 2000 properties") != std::string::npos);

  // Two alternatives in each of 40 levels of allOf: 2^40 when multiplied out.
  OrderedJson parts = OrderedJson::array();
  for (int i = 0; i < 40; ++i) {
    const std::string a = std::to_string(i), b = std::to_string(i + 40);
    parts.push_back(OrderedJson::parse(R"({"anyOf":[{"required":["A"]},{"required":["B"]}]})"));
    parts.back()["anyOf"][0]["required"][0] = a;
    parts.back()["anyOf"][1]["required"][0] = b;
  }
  CHECK(error_of(OrderedJson{{"type", "object"}, {"allOf", parts}}) != "");

  OrderedJson doubling = {{"$ref", "#/$defs/0"}};
  for (int i = 0; i < 60; ++i) {
    const OrderedJson next = {{"$ref", std::string("#/$defs/").append(std::to_string(i + 1))}};
    doubling["$defs"][std::to_string(i)] = {{"type", "array"}, {"prefixItems", {next, next}}};
  }
  doubling["$defs"]["60"] = {{"type", "null"}};
  CHECK(error_of(doubling) == "");  // shared rules: small, though its texts are not

  OrderedJson merged = {{"$ref", "#/$defs/a"}, {"$defs", {{"a", {{"type", "object"}, {"properties", {{"x", {{"$ref", "#/$defs/a"}, {"required", {"x"}}}}}}}}}}};
  CHECK(error_of(merged).find("nested too deeply") != std::string::npos);

  OrderedJson chain = OrderedJson::array();
  for (int i = 0; i < 3000; ++i) chain.push_back(std::string(static_cast<size_t>(i), 'a'));
  CHECK(error_of(OrderedJson{{"enum", chain}}).find("too large") != std::string::npos);
  CHECK(error_of(R"({"type":"string","maxLength":1000000000})") == "");
  CHECK(error_of(R"s({"type":"string","pattern":"^((((a{1,4096}){1,4096}){1,4096}){1,4096})$"})s") == "");
}
