#include "core/engine/engine.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>

#include "tests/core/engine/engine_harness.h"
#include "tests/core/engine/fake_requests.h"
#include "tests/core/engine/fake_reference.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::engine;
using fabula::test::check_reply;
using fabula::test::expected_reply;
using fabula::test::FakeSetup;
using fabula::test::Harness;
using fabula::test::never;
using fabula::test::options_of;
using fabula::test::Reply;
using fabula::test::request_of;
using fabula::test::some_prompt;

TEST_CASE("one request: tokens, text, stop reasons and counts") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  CHECK(harness.engine().loaded_or_null(model)->context == 1024);
  const auto request = request_of(model, some_prompt(1, 100));
  const Reply reply = harness.run(request);
  check_reply(reply, request, 1024);
  std::string text;
  for (int32_t token : reply.tokens)
    text += harness.engine().loaded_or_null(model)->model->tokenizer->token_bytes(token, false);
  const auto tokenizer = harness.engine().loaded_or_null(model)->model->tokenizer;
  std::vector<int32_t> all = request.prompt;
  all.insert(all.end(), reply.tokens.begin(), reply.tokens.end());
  CHECK(tokenizer->decode(request.prompt, false) + reply.text == tokenizer->decode(all, false));
  CHECK(reply.prompt.tokens == 100);
  CHECK(reply.prompt.reused == 0);
  CHECK(reply.decode.tokens == static_cast<int64_t>(reply.tokens.size()));
  for (float logprob : reply.logprobs) CHECK(logprob < 0);

  const Metrics metrics = harness.engine().metrics();
  CHECK(metrics.tokens_generated == static_cast<int64_t>(reply.tokens.size()));
  CHECK(metrics.queued_requests == 0);
  harness.wait_until([&] { return !setup.dials->hot; });
}

TEST_CASE("an end token ends the reply, is told as a token and shows no text; it can be ignored") {
  FakeSetup setup;
  setup.dials->end_token_every = 50;  // position 49 gets it
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  auto request = request_of(model, some_prompt(2, 40), 100);
  Reply reply = harness.run(request);
  CHECK(reply.reason == FinishReason::stop);
  REQUIRE(reply.tokens.size() == 10);
  CHECK(reply.tokens.back() == test::fake_end_token);
  CHECK(reply.text.find("end") == std::string::npos);
  request.ignore_end_tokens = true;
  reply = harness.run(request);
  CHECK(reply.reason == FinishReason::length);
  CHECK(reply.tokens.size() == 100);
}

TEST_CASE("a full context ends with length; a longer prompt is refused with both numbers") {
  FakeSetup setup;
  setup.context = 128;
  setup.dials->end_token_every = never;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  Reply reply = harness.run(request_of(model, some_prompt(3, 100), 0));
  CHECK(reply.reason == FinishReason::length);
  CHECK(reply.tokens.size() == 28);
  reply = harness.run(request_of(model, some_prompt(3, 128), 0));
  CHECK(reply.reason == FinishReason::length);
  CHECK(reply.tokens.empty());
  const auto refused = harness.engine().submit(request_of(model, some_prompt(3, 129)), harness.consumer());
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::context_overflow);
  CHECK(refused.error().message.find("129") != std::string::npos);
  CHECK(refused.error().message.find("128") != std::string::npos);
}

TEST_CASE("requests that make no sense are refused at once") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  const auto code = [&](GenerateRequest request) {
    const auto id = harness.engine().submit(std::move(request), harness.consumer());
    REQUIRE(!id.ok());
    return id.error().code;
  };
  CHECK(code(request_of(99, {1})) == ErrorCode::not_found);
  CHECK(code(request_of(model, {})) == ErrorCode::invalid_argument);
  CHECK(code(request_of(model, {1, 300})) == ErrorCode::invalid_argument);
  CHECK(code(request_of(model, {-1})) == ErrorCode::invalid_argument);
  auto request = request_of(model, {1});
  request.sampler.temperature = NAN;
  CHECK(code(request) == ErrorCode::invalid_argument);
  harness.engine().cancel(12345);  // nobody's
}

TEST_CASE("stop strings over several tokens: neither they nor their beginnings are shown") {
  FakeSetup setup;
  setup.dials->end_token_every = never;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  auto request = request_of(model, some_prompt(4, 30), 60);
  const Reply whole = harness.run(request);
  for (size_t begin : {size_t{0}, size_t{3}, whole.text.size() / 2}) {
    request.stop = {"never there", whole.text.substr(begin, 11)};
    const Reply cut = harness.run(request);
    CHECK(cut.text == whole.text.substr(0, whole.text.find(request.stop[1])));
    CHECK(cut.reason == FinishReason::stop);
    CHECK(std::equal(cut.tokens.begin(), cut.tokens.end(), whole.tokens.begin()));
  }
  request.stop = {whole.text.substr(whole.text.size() - 6) + "x"};  // held back at the end for nothing
  CHECK(harness.run(request).text == whole.text);
}

TEST_CASE("alternatives: the likeliest tokens of each place, the drawn one's probability among them") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  auto request = request_of(model, some_prompt(5, 20), 5);
  request.sampler.temperature = 0;
  request.top_logprobs = 3;
  const RequestId id = harness.submit(request);
  const Reply reply = harness.wait(id);
  for (size_t i = 0; i < reply.tokens.size(); ++i) {
    const auto alternatives = harness.consumer().take_alternatives(id, static_cast<int64_t>(i));
    REQUIRE(alternatives.size() == 3);
    CHECK(alternatives[0].token == reply.tokens[i]);
    CHECK(alternatives[0].logprob == reply.logprobs[i]);
    CHECK(alternatives[1].logprob >= alternatives[2].logprob);
  }
  CHECK(harness.consumer().take_alternatives(id, 0).empty());  // once
}

TEST_CASE("the words are the same for every chunk size, alone or among seven others that come and go") {
  const auto prompt = some_prompt(6, 333);
  const uint64_t seed = test::seed();
  for (int64_t chunk : {1, 7, 64, 256}) {
    CAPTURE(chunk);
    FakeSetup setup;
    auto options = options_of(setup);
    options.prefill_chunk = chunk;
    Harness harness(options);
    const ModelId model = harness.load();
    const auto alone = request_of(model, prompt, 60, seed);
    std::vector<std::pair<RequestId, GenerateRequest>> sent;
    for (uint64_t i = 0; i < 7; ++i) {
      auto request =
          request_of(model, some_prompt(100 + i, 20 + 90 * i), static_cast<int64_t>(5 + 20 * i), seed + i);
      request.priority = static_cast<int>(i % 3);
      sent.emplace_back(harness.submit(request), request);
      if (i == 3) sent.emplace_back(harness.submit(alone), alone);
    }
    harness.engine().cancel(sent[1].first);
    for (size_t i = 0; i < sent.size(); ++i) {
      const Reply reply = harness.wait(sent[i].first);
      const auto want = expected_reply(sent[i].second, 1024);
      if (i == 1) {
        REQUIRE(reply.tokens.size() <= want.tokens.size());
        CHECK(std::equal(reply.tokens.begin(), reply.tokens.end(), want.tokens.begin()));
      } else {
        CHECK(reply.tokens == want.tokens);
      }
    }
    CHECK(setup.dials->largest_batch >= 4);
    // and once more, from the store
    const Reply again = harness.run(alone);
    check_reply(again, alone, 1024);
    CHECK(again.prompt.reused == 332);
  }
}

TEST_CASE("tokens drawn beside each other are those drawn alone, whatever chooses them") {
  FakeSetup setup;
  setup.dials->phase_microseconds = 10;  // so that all meet in steps
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  harness.engine().set_threads(model, 2);
  std::vector<std::pair<RequestId, GenerateRequest>> sent;
  for (uint64_t i = 0; i < 12; ++i) {
    auto request = request_of(model, some_prompt(300 + i, 10 + i), 80, 40 + i);
    SamplerSettings& sampler = request.sampler;
    sampler.dry_breakers.clear();
    if (i % 6 == 1) sampler.temperature = 0;
    if (i % 6 == 2) sampler.mirostat = 2;
    if (i % 6 == 3) sampler.dry_multiplier = 0.8f;
    if (i % 6 == 4) sampler.repeat_penalty = 1.3f;
    if (i % 6 == 5) sampler.xtc_probability = 0.5f;
    if (i % 4 == 0) request.top_logprobs = 5;
    sent.emplace_back(harness.submit(request), request);
  }
  for (const auto& [id, request] : sent) {
    const Reply reply = harness.wait(id);
    CHECK(reply.tokens == expected_reply(request, 1024).tokens);
    for (size_t i = 0; request.top_logprobs > 0 && i < reply.tokens.size(); ++i) {
      const auto alternatives = harness.consumer().take_alternatives(id, static_cast<int64_t>(i));
      REQUIRE(alternatives.size() == 5);
      const auto drawn = std::ranges::find(alternatives, reply.tokens[i], &Choice::token);
      if (drawn != alternatives.end()) CHECK(drawn->logprob == reply.logprobs[i]);
    }
  }
  CHECK(setup.dials->largest_batch >= 4);
}

TEST_CASE("nothing is read twice: regenerating, rolling back and branching reuse all that is common") {
  FakeSetup setup;
  setup.dials->end_token_every = never;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  const auto first = request_of(model, some_prompt(7, 200), 100);
  const Reply reply = harness.run(first);

  auto more = first;  // the conversation goes on
  more.prompt.insert(more.prompt.end(), reply.tokens.begin(), reply.tokens.end());
  const auto user = some_prompt(8, 30);
  more.prompt.insert(more.prompt.end(), user.begin(), user.end());
  const Reply second = harness.run(more);
  CHECK(second.prompt.reused ==
        299);  // all whose K and V were computed: the last token of the reply was not read yet
  check_reply(second, more, 1024, never);

  for (size_t cut : {size_t{64}, size_t{65}, size_t{190}, size_t{256},
                     size_t{300}}) {  // rollback anywhere, then another way
    auto branch = more;
    branch.prompt.resize(cut);
    branch.prompt.push_back(299);
    branch.prompt.push_back(298);
    const Reply other = harness.run(branch);
    CHECK(other.prompt.reused == static_cast<int64_t>(std::min<size_t>(cut, 300)));
    check_reply(other, branch, 1024, never);
  }
  const Reply again = harness.run(more);
  CHECK(again.prompt.reused == 329);
  check_reply(again, more, 1024, never);
}

TEST_CASE("a small KV memory: requests wait for each other, words stay the same") {
  FakeSetup setup;
  setup.context = 512;
  setup.dials->end_token_every = never;
  auto options = options_of(setup);
  options.kv_ram_bytes = 1;  // the least: one context and a block
  Harness harness(options);
  const ModelId model = harness.load();
  std::vector<std::pair<RequestId, GenerateRequest>> sent;
  for (uint64_t i = 0; i < 6; ++i) {
    const auto request = request_of(model, some_prompt(20 + i, 150 + 20 * i), 120, i);
    sent.emplace_back(harness.submit(request), request);
  }
  for (const auto& [id, request] : sent) check_reply(harness.wait(id), request, 512, never);
  CHECK(harness.engine().metrics().kv_blocks_total == 9);
}

TEST_CASE("logits that are no numbers end the reply with an error, and only that") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  setup.dials->nan_logits = true;
  const RequestId id = harness.submit(request_of(model, some_prompt(1, 10)));
  CHECK(harness.wait(id).reason == FinishReason::error);
  CHECK(harness.consumer().take_error(id).code == ErrorCode::internal);
  setup.dials->nan_logits = false;
  const auto request = request_of(model, some_prompt(1, 10));
  check_reply(harness.run(request), request, 1024);
}

TEST_CASE("evaluate delivers every row in order, beside a generation, and can be stopped") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  const auto tokens = some_prompt(14, 500);
  const auto beside = request_of(model, some_prompt(15, 100), 200);
  const RequestId id = harness.submit(beside);
  int64_t next = 0;
  const Status status =
      harness.engine().evaluate(model, tokens, [&](int64_t first, int64_t n, const float* rows) -> Status {
        REQUIRE(first == next);
        for (int64_t i = 0; i < n; i += 37) {
          const auto want = test::fake_logits(std::span(tokens).first(static_cast<size_t>(first + i + 1)));
          REQUIRE(std::equal(want.begin(), want.end(), rows + i * test::fake_vocab));
        }
        next = first + n;
        return {};
      });
  CHECK(status.ok());
  CHECK(next == 500);
  check_reply(harness.wait(id), beside, 1024);

  const Status refused =
      harness.engine().evaluate(model, tokens, [](int64_t, int64_t, const float*) -> Status {
        return Error{ErrorCode::io, "the disk is full"};
      });
  REQUIRE(!refused.ok());
  CHECK(refused.error().message == "the disk is full");
  std::atomic<bool> cancel{true};
  CHECK(harness.engine()
            .evaluate(
                model, tokens, [](auto...) -> Status { return {}; }, &cancel)
            .error()
            .code == ErrorCode::cancelled);
  CHECK(harness.engine().evaluate(77, tokens, [](auto...) -> Status { return {}; }).error().code ==
        ErrorCode::not_found);
}

TEST_CASE("drafts from the text save steps and change no word") {
  for (bool pays : {true, false}) {
    FakeSetup setup;
    setup.dials->repetitive = true;
    setup.dials->rows_cost = !pays;
    auto options = options_of(setup);
    Harness harness(options);
    const ModelId model = harness.load();
    auto request = request_of(model, some_prompt(31, 50), 900);
    request.ignore_end_tokens = true;
    const auto want = expected_reply(request, 1024, 0, true);
    const int64_t before = setup.dials->steps;
    CHECK(harness.run(request).tokens == want.tokens);
    const int64_t steps = setup.dials->steps - before;
    const Metrics metrics = harness.engine().metrics();
    CHECK(metrics.tokens_generated == 900);
    if (pays) {
      CHECK(steps < 600);
      CHECK(metrics.drafts_accepted > 300);
    } else {
      CHECK(steps > 800);
      CHECK(metrics.tokens_drafted < 400);
    }
    // What was guessed wrong was never filed: the whole reply is found again and goes on as it should.
    auto more = request;
    more.prompt.insert(more.prompt.end(), want.tokens.begin(), want.tokens.begin() + 700);
    more.max_tokens = 100;
    const Reply reply = harness.run(more);
    CHECK(reply.prompt.reused == 749);
    CHECK(reply.tokens == expected_reply(more, 1024, 0, true).tokens);
  }
}
