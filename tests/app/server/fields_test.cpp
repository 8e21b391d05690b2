#include "app/server/fields.h"

#include <doctest/doctest.h>

using namespace fabula;
using namespace fabula::server;

TEST_CASE("numbers are bounded, and NaN, strings and huge values are refused by name") {
  for (const char* text :
       {"{\"x\":-1}", "{\"x\":3}", "{\"x\":\"1\"}", "{\"x\":true}", "{\"x\":1e400}", "{\"x\":[1]}"}) {
    const ParsedBody body = parse_body(text);
    if (body.problem) continue;  // 1e400 is no JSON number for the parser: refused even earlier
    FieldReader fields(body.object);
    double value = 7;
    CHECK_FALSE(fields.number("x", 0, 2, value));
    REQUIRE(fields.problem());
    CHECK(fields.problem()->param == "x");
    CHECK(value == 7);
  }
  const ParsedBody body =
      parse_body("{\"x\":1.5,\"n\":9223372036854775807,\"m\":18446744073709551615,\"z\":null}");
  FieldReader fields(body.object);
  double value = 0;
  CHECK(fields.number("x", 0, 2, value));
  int64_t n = 0;
  CHECK(fields.integer("n", 0, INT64_MAX, n));
  CHECK(n == INT64_MAX);
  CHECK_FALSE(fields.number("z", 0, 2, value));
  CHECK_FALSE(fields.problem());
  CHECK_FALSE(fields.integer("m", 0, INT64_MAX, n));
  CHECK(fields.problem());
}

TEST_CASE("an unknown field and an unsupported one are named") {
  const ParsedBody body = parse_body("{\"known\":1,\"other\":2}");
  {
    FieldReader fields(body.object);
    fields.accept("known");
    fields.refuse_unknown();
    REQUIRE(fields.problem());
    CHECK(fields.problem()->param == "other");
    CHECK(fields.problem()->code == "unknown_parameter");
  }
  FieldReader fields(body.object);
  fields.refuse("known", 1);
  CHECK_FALSE(fields.problem());
  fields.refuse("other", nullptr);
  REQUIRE(fields.problem());
  CHECK(fields.problem()->code == "unsupported_parameter");
}

TEST_CASE("bodies that are no JSON object are refused") {
  for (const std::string& text :
       {std::string("[]"), std::string("\"x\""), std::string("{"), std::string(""), std::string(60'000, '[')})
    CHECK(parse_body(text).problem);
  CHECK_FALSE(parse_body("", true).problem);
}
