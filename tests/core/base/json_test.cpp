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

TEST_CASE("the order of keys is kept where asked, and ill-formed text is written with U+FFFD") {
  const auto ordered = parse_ordered_json("{\"z\":1,\"a\":2}", "x");
  REQUIRE(ordered.ok());
  CHECK(dump_json(*ordered) == "{\"z\":1,\"a\":2}");
  CHECK(dump_json(Json("a\xFF")) == "\"a\xEF\xBF\xBD\"");
}
