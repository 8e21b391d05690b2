// Patterns against std::regex's ECMAScript, on random texts over a small alphabet.
#include "core/grammar/regex.h"

#include <doctest/doctest.h>

#include <random>
#include <regex>

#include "tests/core/grammar/grammar_helpers.h"
#include "tests/support/support.h"

using namespace fabula;

namespace {

grammar::Expr as_itself(grammar::Builder& builder, const grammar::CodePoints& set) {
  return builder.one_of(set);
}

Result<grammar::GrammarPtr> compiled(const std::string& pattern) {
  grammar::Builder builder;
  const grammar::RuleId root = builder.declare("pattern");
  FABULA_ASSIGN(const grammar::Expr body, grammar::regex(builder, pattern, as_itself));
  builder.define(root, body);
  return builder.build(root);
}

}  // namespace

TEST_CASE("the same texts match as with std::regex") {
  std::mt19937_64 random(test::seed());
  const std::string alphabet = "aab01 -_.Z";
  for (const char* pattern :
       {"^a+$", "^(a|b)*$", "ab", "^ab", "ab$", "^a{2,3}b?$", "^[a-c]{2}[^a]$", "^\\d+(\\.\\d+)?$", "\\w\\s\\w", "^a|b$",
        "^(?:ab|a)(b|0)$", "^[\\w-]+$", "^\\D*$", "^a.b$", "^(a*)*b$", "^a{0}b$", "^[a\\-b]+$", "^$", "", "^a*?b+?$", "a|^b|0$",
        "^((a|b)(0|1)){1,2}$", "^\\x61\\u0062$", "^\\.$", "^[^\\d\\s]{3,}$", "^(aa|aab)(b|ab)?$"}) {
    FABULA_CAPTURE(pattern);
    const auto grammar = compiled(pattern);
    REQUIRE_MESSAGE(grammar.ok(), (grammar.ok() ? "" : grammar.error().message));
    const std::regex reference(pattern, std::regex::ECMAScript);
    for (int i = 0; i < 400; ++i) {
      std::string text;
      for (size_t n = random() % 7; n > 0; --n) text += alphabet[random() % alphabet.size()];
      FABULA_CAPTURE(text);
      const bool expected = std::regex_search(text, reference);
      REQUIRE(test::accepts(*grammar, text) == expected);
    }
  }
}

TEST_CASE("characters beyond ASCII") {
  const auto grammar = compiled("^[ä-ü]+[^x]中$");
  REQUIRE(grammar.ok());
  CHECK(test::accepts(*grammar, "äöü😀中"));
  CHECK_FALSE(test::accepts(*grammar, "äx中"));
  CHECK_FALSE(test::accepts(*grammar, "a😀中"));
}

TEST_CASE("what is not regular, or not a pattern, is refused by name") {
  const auto error_of = [](const std::string& pattern) {
    const auto grammar = compiled(pattern);
    return grammar.ok() ? "" : grammar.error().message;
  };
  CHECK(error_of("(?=a)b").find("look-around") != std::string::npos);
  CHECK(error_of("(a)\\1").find("\\1 is not supported") != std::string::npos);
  CHECK(error_of("a\\b").find("\\b is not supported") != std::string::npos);
  CHECK(error_of("\\p{L}").find("\\p is not supported") != std::string::npos);
  CHECK(error_of("(a").find("without its )") != std::string::npos);
  CHECK(error_of("a)").find("unmatched )") != std::string::npos);
  CHECK(error_of("[a").find("without its ]") != std::string::npos);
  CHECK(error_of("*a").find("stands alone") != std::string::npos);
  CHECK(error_of("a{2,1}").find("wrong way round") != std::string::npos);
  CHECK(error_of("a{99999}").find("more than 4096") != std::string::npos);
  CHECK(error_of("x(^a)").find("at the ends only") != std::string::npos);
  CHECK(error_of(std::string(2000, '(')).find("nested too deeply") != std::string::npos);
  CHECK(error_of(std::string(5000, 'a')).find("4096 bytes") != std::string::npos);
}
