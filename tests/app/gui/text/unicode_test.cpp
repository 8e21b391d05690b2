#include "app/gui/text/unicode.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/app/gui/text/text_support.h"

using namespace fabula;
using namespace fabula::text;

namespace {

std::vector<std::string> graphemes(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t next = next_grapheme(text, at);
    out.push_back(text.substr(at, next - at));
    at = next;
  }
  return out;
}

std::vector<std::string> words_forward(const std::string& text) {
  std::vector<std::string> out;
  for (size_t at = 0; at < text.size();) {
    const size_t next = next_word(text, at);
    out.push_back(text.substr(at, next - at));
    at = next;
  }
  return out;
}

using Strings = std::vector<std::string>;

}  // namespace

// Examples of UAX #29 and of GraphemeBreakTest.txt.
TEST_CASE("grapheme clusters") {
  CHECK(graphemes("abc") == Strings{"a", "b", "c"});
  CHECK(graphemes("e\u0301x") == Strings{"e\u0301", "x"});
  CHECK(graphemes("👩‍👩‍👧‍👦👍🏽") == Strings{"👩‍👩‍👧‍👦", "👍🏽"});
  CHECK(graphemes("🇩🇪🇯🇵🇫") == Strings{"🇩🇪", "🇯🇵", "🇫"});
  CHECK(graphemes("\u1100\u1161\u11A8가") == Strings{"\u1100\u1161\u11A8", "가"});
  CHECK(graphemes("\r\na") == Strings{"\r\n", "a"});
  CHECK(graphemes("中文") == Strings{"中", "文"});
  CHECK(graphemes("\xFF\xE4\xB8z") == Strings{"\xFF", "\xE4\xB8", "z"});
}

TEST_CASE("backward finds the boundaries that forward finds") {
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 300; ++round) {
    const std::string text = test::random_text(random, 30, round % 2 == 1);
    std::vector<size_t> boundaries = {0};
    while (boundaries.back() < text.size()) boundaries.push_back(next_grapheme(text, boundaries.back()));
    for (size_t i = 1; i < boundaries.size(); ++i)
      REQUIRE(previous_grapheme(text, boundaries[i]) == boundaries[i - 1]);
    for (size_t at = 0; at <= text.size(); ++at) {
      const auto after = std::upper_bound(boundaries.begin(), boundaries.end(), at);
      REQUIRE(floor_grapheme(text, at) == *std::prev(after));
    }
    REQUIRE(count_graphemes(text) == boundaries.size() - 1);
  }
}

TEST_CASE("words") {
  CHECK(words_forward("Hello, big world!") == Strings{"Hello", ", big", " world", "!"});
  CHECK(words_forward("don't 3.14 a.b") == Strings{"don't", " 3.14", " a", ".b"});
  CHECK(words_forward("中文カタカナ") == Strings{"中", "文", "カタカナ"});
  CHECK(previous_word("Hello, world  ", 14) == 7);
  CHECK(previous_word("Hello", 0) == 0);
  CHECK(previous_word("it's", 4) == 0);
  const std::string text = "one two-three";
  CHECK(word_around(text, 5).begin == 4);
  CHECK(word_around(text, 5).end == 7);
  CHECK(word_around(text, 3).begin == 3);
  CHECK(word_around(text, text.size()).begin == 8);
  CHECK(word_around("", 0).end == 0);
}

TEST_CASE("emoji presentation") {
  for (const char32_t c : {U'😀', U'⌚', U'🇦', U'🫠'}) CHECK(has_emoji_presentation(c));
  for (const char32_t c : {U'a', U'☎', U'1', U'❤', U'中'}) CHECK_FALSE(has_emoji_presentation(c));
}
