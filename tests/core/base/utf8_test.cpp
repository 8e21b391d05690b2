#include <doctest/doctest.h>

#include <string>

#include "core/base/utf8.h"

using namespace fabula;

namespace {
const std::string bad = "\xEF\xBF\xBD";
}

TEST_CASE("ill-formed subparts are replaced as Unicode 3.9 and Python do") {
  // Expected values: bytes.decode("utf-8", "replace") of Python 3.11.
  CHECK(replace_invalid_utf8("a\x80z") == "a" + bad + "z");
  CHECK(replace_invalid_utf8("\xE2\x82") == bad);
  CHECK(replace_invalid_utf8("\xE2\x82z") == bad + "z");
  CHECK(replace_invalid_utf8("\xF0\x9F\x98") == bad);
  CHECK(replace_invalid_utf8("\xC0\xAF") == bad + bad);
  CHECK(replace_invalid_utf8("\xED\xA0\x80") == bad + bad + bad);
  CHECK(replace_invalid_utf8("\xF4\x90\x80\x80") == bad + bad + bad + bad);
  CHECK(replace_invalid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == bad + bad + bad + bad + "A");
  CHECK(replace_invalid_utf8("h\xC3\xA9\xF0\x9F\x98\x80") == "h\xC3\xA9\xF0\x9F\x98\x80");
}

TEST_CASE("the stream gives the same as the whole, however it is cut") {
  const std::string text = "h\xC3\xA9 \xE4\xBD\xA0\xF0\x9F\x98\x80\xE2\x82 \xFF end\xE2\x82";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    for (size_t second = cut; second <= text.size(); ++second) {
      Utf8Stream stream;
      std::string out = stream.push(text.substr(0, cut));
      CHECK(is_valid_utf8(out));
      out += stream.push(text.substr(cut, second - cut));
      out += stream.push(text.substr(second));
      out += stream.finish();
      REQUIRE(out == replace_invalid_utf8(text));
    }
  }
}

TEST_CASE("every code point goes there and back") {
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text;
    append_utf8(text, c);
    size_t at = 0;
    REQUIRE(is_valid_utf8(text));
    REQUIRE(decode_utf8(text, at) == c);
    REQUIRE(at == text.size());
  }
}
