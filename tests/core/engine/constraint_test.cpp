// Replies held to a grammar, on real weights that know nothing of it.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "core/grammar/gbnf.h"
#include "core/grammar/json_schema.h"
#include "tests/core/engine/engine_harness.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::engine;
using fabula::test::Harness;
using fabula::test::Reply;

namespace {

grammar::GrammarPtr schema(const char* text) {
  auto grammar = grammar::read_json_schema(OrderedJson::parse(text));
  REQUIRE(grammar.ok());
  return *grammar;
}

struct Model {
  Harness harness;
  ModelId id;
  explicit Model(EngineOptions options = {})
      : harness(std::move(options)),
        id(harness.load({.path = *test::testdata_file("models/stories260k/generated/stories260K-F32.gguf")})) {}

  GenerateRequest request(const grammar::GrammarPtr& grammar, uint64_t seed, int64_t max_tokens = 400) {
    GenerateRequest request;
    request.model = id;
    request.prompt = {1, 403, 407};
    request.seed = seed;
    request.max_tokens = max_tokens;
    request.constraint = std::make_shared<const grammar::Constraint>(
        grammar::Constraint{grammar, harness.engine().loaded_or_null(id)->vocabulary->get()});
    return request;
  }
};

const char* report = R"({"type":"object","properties":{"mood":{"enum":["happy","sad"]},"words":{"type":"array","items":{"type":"string","maxLength":6},
  "minItems":1,"maxItems":3},"score":{"type":"integer","minimum":10,"maximum":99}},"required":["mood","words","score"],"additionalProperties":false})";

}  // namespace

TEST_CASE("a reply satisfies its schema, ends where it is whole, and is the same words every way") {
  FABULA_REQUIRE_TESTDATA();
  Model plain(EngineOptions{.speculation = false}), drafting;
  const auto grammar = schema(report);
  for (uint64_t seed = 0; seed < 12; ++seed) {
    FABULA_CAPTURE(seed);
    const Reply alone = plain.harness.run(plain.request(grammar, seed));
    CHECK(alone.reason == FinishReason::stop);
    FABULA_CAPTURE(alone.text);
    const OrderedJson value = OrderedJson::parse(alone.text, nullptr, false);
    REQUIRE(value.is_object());
    REQUIRE(value.size() == 3);
    CHECK((value["mood"] == "happy" || value["mood"] == "sad"));
    CHECK((value["words"].size() >= 1 && value["words"].size() <= 3));
    CHECK((value["score"] >= 10 && value["score"] <= 99));

    GenerateRequest neighbour = drafting.request(grammar, seed + 100);
    neighbour.constraint = nullptr;
    const RequestId other = drafting.harness.submit(neighbour);
    const Reply beside = drafting.harness.run(drafting.request(grammar, seed));
    drafting.harness.engine().cancel(other);
    drafting.harness.wait(other);
    const Reply drafted = drafting.harness.run(drafting.request(grammar, seed));
    CHECK(beside.tokens == alone.tokens);
    CHECK(drafted.tokens == alone.tokens);
    CHECK(drafted.logprobs == alone.logprobs);
  }
}

TEST_CASE("greedy replies are held, too; cut off by max_tokens they say length") {
  FABULA_REQUIRE_TESTDATA();
  Model model;
  GenerateRequest request = model.request(schema(report), 1);
  request.sampler.temperature = 0;
  CHECK(OrderedJson::parse(model.harness.run(request).text, nullptr, false).is_object());
  request.max_tokens = 3;
  const Reply cut = model.harness.run(request);
  CHECK(cut.reason == FinishReason::length);
  CHECK(cut.tokens.size() == 3);
}

TEST_CASE("without end tokens a whole reply ends by itself") {
  FABULA_REQUIRE_TESTDATA();
  Model model;
  GenerateRequest request = model.request(*grammar::read_gbnf("root ::= \"yes\" | \"no\""), 3);
  request.ignore_end_tokens = true;
  const Reply reply = model.harness.run(request);
  CHECK(reply.reason == FinishReason::stop);
  CHECK((reply.text == "yes" || reply.text == "no"));
}

TEST_CASE("what the vocabulary cannot write is an error, and the engine goes on") {
  FABULA_REQUIRE_TESTDATA();
  Model model;
  grammar::Builder builder;
  const grammar::RuleId root = builder.declare("root");
  builder.define(root, builder.token(1'000'000));  // no such token
  GenerateRequest request = model.request(*builder.build(root), 3);
  const RequestId id = model.harness.submit(request);
  CHECK(model.harness.wait(id).reason == FinishReason::error);
  CHECK(model.harness.consumer().take_error(id).message.find("vocabulary cannot write") != std::string::npos);
  CHECK(model.harness.run(model.request(schema(report), 1)).reason == FinishReason::stop);
}
