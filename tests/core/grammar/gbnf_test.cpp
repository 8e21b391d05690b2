#include "core/grammar/gbnf.h"

#include <doctest/doctest.h>

#include "core/grammar/matcher.h"
#include "tests/core/grammar/grammar_helpers.h"

using namespace fabula;

namespace {

grammar::GrammarPtr read(const char* text) {
  auto grammar = grammar::read_gbnf(text);
  REQUIRE_MESSAGE(grammar.ok(), (grammar.ok() ? "" : grammar.error().message));
  return *grammar;
}

std::string error_of(const std::string& text) {
  const auto grammar = grammar::read_gbnf(text);
  return grammar.ok() ? "" : grammar.error().message;
}

}  // namespace

TEST_CASE("literals, classes, groups and repetitions") {
  const auto list = read(R"(
root ::= "Things:\n" item{1,3} end?   # a short list
item ::= ("- " | "* ") [^\n]+ "\n"
end  ::= "." )");
  CHECK(test::accepts(list, "Things:\n- one\n"));
  CHECK(test::accepts(list, "Things:\n- one\n* zwei äöü 你好\n."));
  CHECK_FALSE(test::accepts(list, "Things:\n"));
  CHECK_FALSE(test::accepts(list, "Things:\n- a\n- b\n- c\n- d\n"));
  CHECK_FALSE(test::accepts(list, "Things:\n- \n"));
  CHECK_FALSE(test::begins(list, "Things:\n- \xC3\x28"));  // no UTF-8
  CHECK(test::begins(list, "Things:\n- \xC3"));            // half a character

  const auto escapes = read(R"(root ::= "\x41\u00e9\U0001F600" [\]\-a-c]* .)");
  CHECK(test::accepts(escapes, "Aé😀]-abc!"));
  CHECK_FALSE(test::accepts(escapes, "Aé😀d!"));
}

TEST_CASE("recursion to any depth") {
  const auto balanced = read("root ::= \"(\" root* \")\"");
  CHECK(test::accepts(balanced, "(()(()))"));
  CHECK_FALSE(test::accepts(balanced, "(()"));
  std::string deep = std::string(3000, '(') + std::string(3000, ')');
  CHECK(test::accepts(balanced, deep));
  // Twice as many ways at each letter: the joined stacks must not grow with them.
  const auto ambiguous = read("root ::= \"a\" root \"x\" | \"a\" root \"y\" | \"a\"");
  CHECK(test::accepts(ambiguous, std::string(400, 'a') + std::string(200, 'x') + std::string(199, 'y')));
  CHECK_FALSE(test::accepts(ambiguous, std::string(400, 'a') + std::string(400, 'x')));
}

TEST_CASE("alternatives run over lines behind | and in groups") {
  const auto grammar = read("root ::= \"a\" |\n  \"b\" (\n \"c\"\n | \"d\" )\nother ::= \"z\"\n");
  for (const char* text : {"a", "bc", "bd"}) CHECK(test::accepts(grammar, text));
  CHECK_FALSE(test::accepts(grammar, "z"));
}

TEST_CASE("what is wrong is said with its line") {
  CHECK(error_of("") == "the grammar has no rule named root");
  CHECK(error_of("root ::= missing") == "the rule \"missing\" is used but not defined");
  CHECK(error_of("root ::= \"a\"\nroot ::= \"b\"").find("line 2: this rule is defined twice") != std::string::npos);
  CHECK(error_of("root ::= \"a").find("does not end") != std::string::npos);
  CHECK(error_of("root ::= [z-a]").find("wrong way round") != std::string::npos);
  CHECK(error_of("root ::= (\"a\"").find(") is expected") != std::string::npos);
  CHECK(error_of("root ::= \"a\"{2,1}").find("wrong way round") != std::string::npos);
  CHECK(error_of("root ::= root \"a\" | \"b\"").find("begins with itself") != std::string::npos);
  CHECK(error_of("root ::= opt root \"a\" | \"b\"\nopt ::= \"x\"?").find("begins with itself") != std::string::npos);
  CHECK(error_of("root ::= \"a\" root").find("no finite text") != std::string::npos);
  CHECK(error_of("root ::= " + std::string(5000, '(')).find("nested too deeply") != std::string::npos);
  CHECK(error_of("root ::= ((((\"a\"{4096}){4096}){4096}){4096})") == "");  // rules, not copies
  CHECK(error_of(std::string(100'000, ' ')).find("at most 64 KiB") != std::string::npos);
}

TEST_CASE("a nullable body under a star ends") {
  const auto grammar = read("root ::= (\"a\"* \"b\"?)* \".\"");
  CHECK(test::accepts(grammar, "."));
  CHECK(test::accepts(grammar, "aabab."));
  CHECK_FALSE(test::accepts(grammar, "c."));
}
