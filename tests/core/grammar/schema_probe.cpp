// Random replies to the schemas of a file; schema_replies_test.py starts it and judges what comes out.
//   FABULA_PROBE_IN   a line each: {"schema": ..., "samples": n}
//   FABULA_PROBE_OUT  a line each: {"texts": [...], "unfinished": n} or {"error": "..."}
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/utf8.h"
#include "core/grammar/json_schema.h"
#include "tests/core/grammar/grammar_helpers.h"
#include "tests/support/support.h"

using namespace fabula;

TEST_CASE("replies") {
  FABULA_REQUIRE_TESTDATA();
  std::mt19937_64 random(test::seed());
  std::vector<std::shared_ptr<const grammar::Vocabulary>> vocabularies;
  for (const char* name : {"mistral-minueza", "llama2", "gpt2"})
    if (const auto tokenizer = test::hf_tokenizer(name))
      vocabularies.push_back(std::make_shared<const grammar::Vocabulary>(*tokenizer));
  REQUIRE_FALSE(vocabularies.empty());
  REQUIRE(std::getenv("FABULA_PROBE_IN"));
  std::ifstream in(std::getenv("FABULA_PROBE_IN"));
  std::ofstream out(std::getenv("FABULA_PROBE_OUT"));
  size_t n = 0;
  for (std::string line; std::getline(in, line); ++n) {
    const OrderedJson asked = OrderedJson::parse(line);
    const auto grammar = grammar::read_json_schema(asked["schema"]);
    if (!grammar.ok()) {
      out << OrderedJson{{"error", grammar.error().message}}.dump() << "\n";
      continue;
    }
    OrderedJson texts = OrderedJson::array();
    int unfinished = 0;
    for (int i = 0; i < asked["samples"].get<int>(); ++i) {
      const auto& vocabulary = vocabularies[(n + static_cast<size_t>(i)) % vocabularies.size()];
      const auto constraint = std::make_shared<const grammar::Constraint>(grammar::Constraint{*grammar, vocabulary});
      const test::RandomReply reply = test::random_reply(constraint, random, 60, 600);
      if (reply.finished)
        texts.push_back(reply.text);
      else
        ++unfinished;
      CHECK_MESSAGE((reply.finished || reply.tokens == 600), "a dead end behind ", reply.text);
      if (reply.finished) CHECK(is_valid_utf8(reply.text));
    }
    out << OrderedJson{{"texts", texts}, {"unfinished", unfinished}}.dump() << "\n";
  }
  CHECK(n > 0);
}
