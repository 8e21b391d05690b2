// Requests, readers, consumers, models and engines that come and go at any moment.
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
using fabula::test::FakeSetup;
using fabula::test::Harness;
using fabula::test::never;
using fabula::test::options_of;
using fabula::test::Reply;
using fabula::test::request_of;
using fabula::test::some_prompt;

TEST_CASE("the queue has an end") {
  FakeSetup setup;
  setup.dials->phase_microseconds = 2000;
  auto options = options_of(setup);
  options.max_queued = 3;
  options.max_batch = 1;
  Harness harness(options);
  const ModelId model = harness.load();
  std::vector<RequestId> ids;
  ids.push_back(harness.submit(request_of(model, some_prompt(1, 10), 0)));
  harness.wait_until([&] { return harness.engine().metrics().active_requests == 1; });
  for (int i = 0; i < 3; ++i) ids.push_back(harness.submit(request_of(model, some_prompt(1, 10), 1)));
  const auto refused = harness.engine().submit(request_of(model, some_prompt(1, 10)), harness.consumer());
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == ErrorCode::busy);
  for (RequestId id : ids) harness.engine().cancel(id);
  for (RequestId id : ids) CHECK(harness.wait(id).reason == FinishReason::cancelled);
}

TEST_CASE("a cancelled request leaves within the step it is in") {
  FakeSetup setup;
  setup.dials->phase_microseconds = 20'000;  // a step of 160 ms
  setup.dials->end_token_every = never;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  const RequestId id = harness.submit(request_of(model, some_prompt(9, 50), 0));
  harness.wait_until([&] { return harness.replies[id].tokens.size() == 2; });
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // inside the next step
  harness.engine().cancel(id);
  const Reply reply = harness.wait(id);
  CHECK(reply.reason == FinishReason::cancelled);
  CHECK(setup.dials->abandoned == 1);
  CHECK(reply.tokens.size() <= 3);
  const int64_t steps = setup.dials->steps;

  // What the abandoned step left behind is never used.
  setup.dials->phase_microseconds = 0;
  const auto again = request_of(model, some_prompt(9, 50), 30);
  check_reply(harness.run(again), again, 1024, never);
  CHECK(setup.dials->steps > steps);
}

TEST_CASE("cancelling one never abandons a step that others share") {
  FakeSetup setup;
  setup.dials->phase_microseconds = 1000;
  setup.dials->end_token_every = never;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  const auto stays = request_of(model, some_prompt(10, 30), 30);
  const RequestId a = harness.submit(stays);
  const RequestId b = harness.submit(request_of(model, some_prompt(11, 30), 0));
  harness.wait_until([&] { return harness.replies[b].tokens.size() >= 3; });
  harness.engine().cancel(b);
  CHECK(harness.wait(b).reason == FinishReason::cancelled);
  const Reply reply = harness.wait(a);
  check_reply(reply, stays, 1024, never);
  CHECK(setup.dials->abandoned == 0);
}

TEST_CASE("a reader that stalls never stalls the engine and loses nothing") {
  for (size_t ring_events : {size_t{1}, size_t{3}, size_t{64}}) {
    FakeSetup setup;
    setup.dials->end_token_every = never;
    auto options = options_of(setup);
    options.ring_events = ring_events;
    Harness harness(options);
    const ModelId model = harness.load();
    const auto request = request_of(model, some_prompt(12, 80), 500);
    const auto other = request_of(model, some_prompt(13, 80), 400);
    const RequestId a = harness.submit(request), b = harness.submit(other);
    // Nobody reads: the engine works on to the end all the same.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (harness.engine().metrics().tokens_generated < 900 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(harness.engine().metrics().tokens_generated == 900);
    check_reply(harness.wait(a), request, 1024, never);
    check_reply(harness.wait(b), other, 1024, never);
    const auto tokenizer = harness.engine().loaded_or_null(model)->model->tokenizer;
    std::vector<int32_t> all = request.prompt;
    all.insert(all.end(), harness.replies[a].tokens.begin(), harness.replies[a].tokens.end());
    CHECK(tokenizer->decode(request.prompt, false) + harness.replies[a].text ==
          tokenizer->decode(all, false));
  }
}

TEST_CASE("a thousand starts and stops") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  std::mt19937_64 random(test::seed());
  std::vector<RequestId> ids;
  for (int i = 0; i < 1000; ++i) {
    ids.push_back(
        harness.submit(request_of(model, some_prompt(random() % 50, 1 + random() % 150), 20, random() >> 1)));
    if (random() % 2) harness.engine().cancel(ids[random() % ids.size()]);
    if (random() % 8 == 0) (void)harness.wait(ids[random() % ids.size()]);
    if (i % 30 == 29)
      for (RequestId id : ids) (void)harness.wait(id);  // the queue holds 64
  }
  for (RequestId id : ids) {
    const FinishReason reason = harness.wait(id).reason;
    CHECK((reason == FinishReason::cancelled || reason == FinishReason::length ||
           reason == FinishReason::stop));
  }
  harness.wait_until([&] { return harness.engine().metrics().active_requests == 0; });
  CHECK(harness.engine().metrics().queued_requests == 0);
}

TEST_CASE("engines, consumers and loads come and go at any moment") {
  std::mt19937_64 random(test::seed());
  FakeSetup setup;
  for (int i = 0; i < 150; ++i) {
    Harness harness(options_of(setup));
    auto second = harness.engine().make_consumer([] {});
    const RequestId load = harness.engine().load({.path = "fake"}, *second);
    if (random() % 3 == 0) continue;
    const ModelId model = harness.load();
    if (random() % 3 == 0) harness.engine().cancel(load);
    harness.submit(request_of(model, some_prompt(1, 100), 0));
    if (random() % 2) second.reset();
    if (random() % 2) harness.engine().unload(model);
    if (random() % 2) std::this_thread::yield();
  }
  CHECK(setup.dials->live == 0);
}

TEST_CASE("a consumer that goes takes its requests with it") {
  FakeSetup setup;
  setup.dials->phase_microseconds = 500;
  setup.dials->end_token_every = never;
  Harness harness(options_of(setup));
  const ModelId model = harness.load();
  auto second = harness.engine().make_consumer([] {});
  REQUIRE(harness.engine().submit(request_of(model, some_prompt(1, 10), 0), *second).ok());
  harness.wait_until([&] { return harness.engine().metrics().active_requests == 1; });
  second.reset();
  harness.wait_until([&] { return harness.engine().metrics().active_requests == 0; });
}

TEST_CASE("models load beside each other, fail and unload without touching the others") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  const ModelId one = harness.load(), two = harness.load({.path = "fake", .context = 256});
  CHECK(one != two);
  const auto a = request_of(one, some_prompt(1, 300), 30), b = request_of(two, some_prompt(2, 100), 30);
  const RequestId ida = harness.submit(a), idb = harness.submit(b);
  check_reply(harness.wait(ida), a, 1024);
  check_reply(harness.wait(idb), b, 256);

  const auto failure = [&](ModelLoad load) {
    const RequestId id = harness.engine().load(load, harness.consumer());
    bool failed = false;
    harness.wait_until([&] {
      for (const Event& event : harness.others)
        failed |= event.request == id && event.kind == Event::Kind::load_failed;
      return failed;
    });
    return harness.consumer().take_error(id);
  };
  CHECK(failure({.path = "missing"}).code == ErrorCode::not_found);
  const Error too_long = failure({.path = "fake", .context = 5000});
  CHECK(too_long.code == ErrorCode::invalid_argument);
  CHECK(too_long.message.find("1024") != std::string::npos);
  setup.dials->fail_load = true;
  CHECK(failure({.path = "fake"}).code == ErrorCode::out_of_memory);
  setup.dials->fail_load = false;

  harness.engine().unload(one);
  harness.wait_until([&] { return harness.engine().loaded_or_null(one) == nullptr; });
  CHECK(harness.engine().loaded_or_null(two) != nullptr);
  check_reply(harness.run(b), b, 256);
  harness.engine().set_threads(two, 3);
  harness.wait_until([&] { return harness.engine().loaded_or_null(two)->executor.threads == 3; });
}

TEST_CASE("loading can be cancelled and tells how far it is") {
  FakeSetup setup;
  Harness harness(options_of(setup));
  setup.dials->slow_load = true;
  const RequestId id = harness.engine().load({.path = "fake"}, harness.consumer());
  harness.wait_until([&] { return harness.others.size() >= 3; });
  CHECK(harness.others[2].kind == Event::Kind::load_progress);
  harness.engine().cancel(id);
  harness.wait_until([&] { return harness.others.back().kind == Event::Kind::load_failed; });
  CHECK(harness.consumer().take_error(id).code == ErrorCode::cancelled);
  CHECK(harness.others.back().reason == FinishReason::cancelled);
}
