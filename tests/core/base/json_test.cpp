#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/base/json.h"

using namespace fabula;

TEST_CASE("JSON from strangers is bounded") {
  CHECK(parse_json("{\"a\":[1,2,3]}", "x").ok());
  CHECK_FALSE(parse_json(std::string(200'000, '['), "x").ok());
  CHECK_FALSE(parse_json("{\"a\":1", "x").ok());
  CHECK_FALSE(parse_json("", "x").ok());
  CHECK_FALSE(parse_json("{} {}", "x").ok());
  CHECK(parse_json("{\"a\":1,\"a\":2}", "x").ok());
  JsonLimits strict;
  strict.refuse_duplicate_keys = true;
  CHECK_FALSE(parse_json("{\"a\":1,\"a\":2}", "x", strict).ok());
  CHECK(parse_json("{\"a\":{\"a\":1},\"b\":{\"a\":2}}", "x", strict).ok());
  strict.max_bytes = 4;
  CHECK_FALSE(parse_json("[1,2]", "x", strict).ok());
}

TEST_CASE("keys cost what they look like: some thousand in an ordered object, any number where they are sorted or few") {
  const auto object = [](int n_keys) {
    std::string text = "{\"a\":0";
    for (int i = 1; i < n_keys; ++i) text += ",\"k" + std::to_string(i) + "\":0";
    return text + "}";
  };
  CHECK(parse_ordered_json(object(5'000), "x").ok());
  const auto many = parse_ordered_json(object(1'000'000), "x");
  REQUIRE_FALSE(many.ok());
  CHECK(many.error().message == "x is not valid JSON: an object with too many keys");
  CHECK(parse_json(object(200'000), "x").ok());
  std::string list = "[" + object(64);
  for (int i = 0; i < 5'000; ++i) list += "," + object(64);
  CHECK(parse_ordered_json(list + "]", "x").ok());
  list = "[" + object(3'000);
  for (int i = 0; i < 100; ++i) list += "," + object(3'000);
  CHECK_FALSE(parse_ordered_json(list + "]", "x").ok());
}

TEST_CASE("the order of keys is kept where asked, and ill-formed text is written with U+FFFD") {
  const auto ordered = parse_ordered_json("{\"z\":1,\"a\":2}", "x");
  REQUIRE(ordered.ok());
  CHECK(dump_json(*ordered) == "{\"z\":1,\"a\":2}");
  CHECK(dump_json(Json("a\xFF")) == "\"a\xEF\xBF\xBD\"");
}
