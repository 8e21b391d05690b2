// Masks against the plain definition: a token is allowed exactly where its bytes fit.
#include "core/grammar/matcher.h"

#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <random>

#include "core/grammar/gbnf.h"
#include "core/grammar/json_schema.h"
#include "tests/core/grammar/grammar_helpers.h"
#include "tests/support/support.h"

using namespace fabula;
using grammar::Constraint;
using grammar::Matcher;

namespace {

grammar::GrammarPtr schema(const char* text) {
  auto grammar = grammar::read_json_schema(OrderedJson::parse(text));
  REQUIRE_MESSAGE(grammar.ok(), (grammar.ok() ? "" : grammar.error().message));
  return *grammar;
}

const char* person = R"({"type":"object","properties":{"name":{"type":"string","maxLength":12},"born":{"type":"integer","minimum":1900,"maximum":2024},
  "tags":{"type":"array","items":{"enum":["ä","über","x"]},"maxItems":3},"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},
  "required":["name","born"],"additionalProperties":{"type":"number"}})";

}  // namespace

TEST_CASE("a mask says of every token what its bytes say, for every tokenizer") {
  FABULA_REQUIRE_TESTDATA();
  std::mt19937_64 random(test::seed());
  const auto grammar = schema(person);
  for (const char* name : {"gpt2", "llama2", "llama3.1", "gemma3", "qwen3", "phi-3-mini", "tinystories-656k", "mistral-minueza"}) {
    const auto tokenizer = test::hf_tokenizer(name);
    if (!tokenizer) continue;
    FABULA_CAPTURE(name);
    const auto vocabulary = std::make_shared<const grammar::Vocabulary>(*tokenizer);
    const auto constraint = std::make_shared<const Constraint>(Constraint{grammar, vocabulary});
    const int32_t end = vocabulary->size();
    Matcher matcher(constraint, std::span(&end, 1), static_cast<size_t>(end) + 1);
    grammar::StackSets plain(grammar);
    std::string text;
    for (int step = 0; step < 24; ++step) {
      const grammar::TokenMask mask = matcher.allowed();
      grammar::SetId here = plain.start();
      for (const char byte : text) here = plain.next(here, static_cast<uint8_t>(byte));
      std::vector<int32_t> choices;
      for (int32_t id = 0; id < end; ++id) {
        grammar::SetId state = here;
        for (const char byte : vocabulary->bytes_of(id))
          if (state != grammar::StackSets::none) state = plain.next(state, static_cast<uint8_t>(byte));
        const bool fits = !vocabulary->bytes_of(id).empty() && state != grammar::StackSets::none;
        if (fits != mask.allows(id)) FAIL("token ", id, " behind ", text);
        if (fits) choices.push_back(id);
      }
      CHECK(mask.allows(end) == plain.accepting(here));
      if (choices.empty()) break;
      const int32_t token = choices[random() % choices.size()];
      CHECK(matcher.fitting(std::span(&token, 1)) == 1);
      REQUIRE(matcher.advance(token).ok());
      text += vocabulary->bytes_of(token);
    }
  }
}

TEST_CASE("what does not fit changes nothing") {
  FABULA_REQUIRE_TESTDATA();
  const auto tokenizer = test::hf_tokenizer("gpt2");
  if (!tokenizer) return;
  const auto vocabulary = std::make_shared<const grammar::Vocabulary>(*tokenizer);
  const auto constraint = std::make_shared<const Constraint>(Constraint{*grammar::read_gbnf("root ::= \"yes\" | \"no\""), vocabulary});
  const int32_t end = tokenizer->find_or_negative("<|endoftext|>");
  REQUIRE(end >= 0);
  Matcher matcher(constraint, std::span(&end, 1), static_cast<size_t>(vocabulary->size()));
  const auto yes = tokenizer->encode("yes"), maybe = tokenizer->encode("maybe");
  CHECK_FALSE(matcher.may_end());
  CHECK_FALSE(matcher.advance(end).ok());
  CHECK_FALSE(matcher.advance(maybe[0]).ok());
  CHECK_FALSE(matcher.advance(-1).ok());
  CHECK_FALSE(matcher.advance(1 << 30).ok());
  std::vector<int32_t> draft = yes;
  draft.push_back(maybe[0]);
  CHECK(matcher.fitting(draft) == yes.size());
  for (const int32_t id : yes) REQUIRE(matcher.advance(id).ok());
  CHECK(matcher.may_end());
  CHECK(matcher.allowed().count() == 1);  // the end alone
  CHECK(matcher.allowed().allows(end));
}

TEST_CASE("control tokens are written by their id, and only where a grammar names one") {
  FABULA_REQUIRE_TESTDATA();
  const auto tokenizer = test::hf_tokenizer("llama3.1");
  if (!tokenizer) return;
  const int32_t tag = tokenizer->find_or_negative("<|eot_id|>");
  REQUIRE(tag >= 0);
  const auto vocabulary = std::make_shared<const grammar::Vocabulary>(*tokenizer);
  grammar::Builder builder;
  const grammar::RuleId root = builder.declare("root");
  builder.define(root, builder.sequence({builder.token(tag), builder.literal("x")}));
  const auto grammar = builder.build(root);
  REQUIRE(grammar.ok());
  Matcher matcher(std::make_shared<const Constraint>(Constraint{*grammar, vocabulary}), {}, static_cast<size_t>(vocabulary->size()));
  CHECK(matcher.allowed().count() == 1);
  REQUIRE(matcher.advance(tag).ok());
  CHECK_FALSE(matcher.allowed().allows(tag));
  REQUIRE(matcher.advance(tokenizer->encode("x", {false, false})[0]).ok());
  CHECK(matcher.may_end());

  Matcher any(std::make_shared<const Constraint>(Constraint{*grammar::read_gbnf("root ::= .*"), vocabulary}), {}, static_cast<size_t>(vocabulary->size()));
  CHECK_FALSE(any.allowed().allows(tag));
  CHECK_FALSE(any.advance(tag).ok());
}

TEST_CASE("memory stays bounded over a long reply") {
  FABULA_REQUIRE_TESTDATA();
  const auto tokenizer = test::hf_tokenizer("gpt2");
  if (!tokenizer) return;
  std::mt19937_64 random(test::seed());
  const auto vocabulary = std::make_shared<const grammar::Vocabulary>(*tokenizer);
  const auto constraint = std::make_shared<const Constraint>(Constraint{schema(R"({"type":"array","items":{"type":"string","minLength":200},"minItems":200})"), vocabulary});
  Matcher matcher(constraint, {}, static_cast<size_t>(vocabulary->size()));
  for (int i = 0; i < 400; ++i) {
    std::vector<int32_t> choices;
    for (int32_t id = 0; id < vocabulary->size(); ++id)
      if (matcher.allowed().allows(id)) choices.push_back(id);
    REQUIRE_FALSE(choices.empty());
    REQUIRE(matcher.advance(choices[random() % choices.size()]).ok());
  }
}

TEST_CASE("the time of a mask, printed") {
  FABULA_REQUIRE_TESTDATA();
  std::mt19937_64 random(test::seed());
  for (const std::string name : {"gpt2", "llama3.1"}) {
    const auto tokenizer = test::hf_tokenizer(name);
    if (!tokenizer) continue;
    const auto before = std::chrono::steady_clock::now();
    const auto vocabulary = std::make_shared<const grammar::Vocabulary>(*tokenizer);
    const double build = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count();
    std::vector<double> times;
    for (const char* text : {person, R"({"type":"object"})", R"({"type":"array","items":{"type":"string","pattern":"^[a-z]+ [A-Z][a-z]*$"}})"}) {
      const auto constraint = std::make_shared<const Constraint>(Constraint{schema(text), vocabulary});
      const int32_t end = vocabulary->size();
      for (int round = 0; round < 4; ++round) {
        Matcher matcher(constraint, std::span(&end, 1), static_cast<size_t>(end) + 1);
        for (int step = 0; step < 60; ++step) {
          const auto start = std::chrono::steady_clock::now();
          const grammar::TokenMask& mask = matcher.allowed();
          times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
          std::vector<int32_t> choices;
          for (int32_t id = 0; id < end; ++id)
            if (mask.allows(id)) choices.push_back(id);
          if (choices.empty()) break;
          REQUIRE(matcher.advance(choices[random() % choices.size()]).ok());
        }
      }
    }
    std::ranges::sort(times);
    double sum = 0;
    for (const double t : times) sum += t;
    MESSAGE(name, ": tree ", build, " ms; ", times.size(), " masks, mean ", sum / static_cast<double>(times.size()), " ms, median ",
            times[times.size() / 2], ", 95% ", times[times.size() * 95 / 100], ", longest ", times.back());
  }
}
