#include <doctest/doctest.h>

#include "core/base/utf8.h"
#include "core/session/title.h"

using namespace fabula;
using namespace fabula::session;

TEST_CASE("a title is the first words, on one line") {
  CHECK(automatic_title("Hello") == "Hello");
  CHECK(automatic_title("  Hello \n\n\tworld  ") == "Hello world");
  CHECK(automatic_title("").empty());
  CHECK(automatic_title(" \n\x01\t ").empty());
  CHECK(automatic_title("The quick brown fox jumps over the lazy dog and then goes home to sleep") ==
        "The quick brown fox jumps over the lazy dog and then goes…");
  CHECK(automatic_title("a\xE2\x80\xAE" "b\xEF\xBB\xBF") == "ab");  // no override of the reading direction
  const std::string chinese = automatic_title([] {
    std::string text;
    for (int i = 0; i < 200; ++i) text += "字";
    return text;
  }());
  CHECK(chinese.size() == 60 * 3 + 3);
  CHECK(is_valid_utf8(automatic_title(std::string(100, 'x') + "\xFF\xE2\x82")));
  CHECK(automatic_title(std::string(1'000'000, 'x')).size() == 63);
}

TEST_CASE("a typed title keeps its words") {
  CHECK(clean_title(" My\nstory ") == "My story");
  CHECK(clean_title("").empty());
  CHECK(clean_title(std::string(10'000, 'x')).size() <= 510);
}
