// The engine's small parts by themselves: stop strings, the step's plan, a consumer's road, the inbox.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>

#include "core/engine/channel.h"
#include "core/engine/inbox.h"
#include "core/engine/metrics_cells.h"
#include "core/engine/reply_text.h"
#include "core/engine/scheduler.h"
#include "core/engine/speculation.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::engine;

TEST_CASE(
    "stop strings: what is shown ends before the first, whatever the pieces (against a search in the whole "
    "text)") {
  std::mt19937_64 random(test::seed());
  const auto word = [&random](size_t most) {
    std::string text(1 + random() % most, 'a');
    for (char& c : text) c = static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = word(40);
    std::vector<std::string> stops(random() % 3);
    for (std::string& stop : stops) stop = word(6);
    TextGate matcher(stops, {});
    std::string shown;
    size_t given = 0;
    while (given < text.size() && !matcher.stopped()) {
      const size_t n = std::min(1 + random() % 5, text.size() - given);
      shown += matcher.push(std::string_view(text).substr(given, n));
      given += n;
      // Nothing that may still become a stop string is shown, and nothing else is held back.
      size_t keep = 0;
      for (const std::string& stop : stops)
        for (size_t k = 1; k < stop.size() && k <= given; ++k)
          if (text.substr(given - k, k) == stop.substr(0, k)) keep = std::max(keep, k);
      if (!matcher.stopped()) REQUIRE(shown == text.substr(0, given - keep));
    }
    size_t first = std::string::npos;
    for (const std::string& stop : stops) first = std::min(first, text.substr(0, given).find(stop));
    REQUIRE(matcher.stopped() == (first != std::string::npos));
    if (!matcher.stopped()) shown += matcher.finish();
    REQUIRE(shown == text.substr(0, std::min(first, given)));
  }
}

TEST_CASE("the text of an end token is never shown, even spelled in ordinary tokens, and what follows is") {
  const std::string text = "The end.<|end_story|><|end_story|> A <|end|> B <|end_story";
  for (size_t piece = 1; piece < text.size(); ++piece) {
    TextGate gate({}, {"<|end_story|>"});
    std::string shown;
    for (size_t at = 0; at < text.size(); at += piece) shown += gate.push(std::string_view(text).substr(at, piece));
    CHECK(shown == "The end. A <|end|> B ");
    CHECK(shown + gate.finish() == "The end. A <|end|> B <|end_story");
  }
  TextGate gate({"STOP"}, {"<e>"});
  CHECK(gate.push("a<e>bS<e>TSTOPc") == "abST");
  CHECK(gate.stopped());
}

TEST_CASE("a step: everyone who decodes, then prompts by priority and patience, within the limits") {
  std::vector<Planned> plan;
  const auto tokens_of = [&plan](size_t index) {
    for (const Planned& p : plan)
      if (p.index == index) return p.tokens;
    return int64_t{0};
  };
  const Runnable decode{.pending = 1, .decoding = true, .last_served = 9};
  StepLimits limits{.max_batch_tokens = 512, .max_logit_rows = 64, .prefill_chunk = 256, .step = 10};

  plan_step(std::vector<Runnable>{{.pending = 1000}, decode, {.pending = 1000, .priority = 1}}, limits, plan);
  CHECK(tokens_of(1) == 1);
  CHECK(tokens_of(2) == 256);  // the higher priority, and the chunk bounds what a decoder waits for
  CHECK(tokens_of(0) == 0);

  plan_step(std::vector<Runnable>{{.pending = 1000}, {.pending = 100}, {.pending = 1000}}, limits, plan);
  CHECK(tokens_of(0) == 256);
  CHECK(tokens_of(1) == 100);
  CHECK(tokens_of(2) == 156);

  plan_step(
      std::vector<Runnable>{
          {.pending = 1000, .priority = 1, .last_served = 9}, {.pending = 1000, .last_served = 1}, decode},
      limits, plan);
  CHECK(tokens_of(1) == 256);  // has waited for nine steps
  CHECK(tokens_of(0) == 0);

  plan_step(
      std::vector<Runnable>{{.pending = 1000, .last_served = 9}, {.pending = 1000, .last_served = 8}, decode},
      limits, plan);
  CHECK(tokens_of(1) == 256);

  limits.max_logit_rows = 3;
  plan_step(std::vector<Runnable>{decode, decode, {.pending = 50, .wants_all_rows = true}, {.pending = 20}},
            limits, plan);
  CHECK(tokens_of(2) == 1);
  CHECK(tokens_of(3) == 19);  // no row is left for its last token
}

TEST_CASE("random plans keep every limit and leave nobody out for ever") {
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 300; ++round) {
    StepLimits limits;
    limits.max_batch_tokens = 16 + static_cast<int64_t>(random() % 512);
    limits.max_logit_rows = 16 + static_cast<int64_t>(random() % 48);
    limits.prefill_chunk = 1 + static_cast<int64_t>(random() % 300);
    std::vector<Runnable> runnables(1 + random() % 16);
    for (Runnable& r : runnables) {
      r.decoding = random() % 2;
      r.pending = r.decoding ? 1 : 1 + static_cast<int64_t>(random() % 100);
      r.wants_all_rows = !r.decoding && random() % 4 == 0;
      r.priority = static_cast<int>(random() % 3);
    }
    std::vector<Planned> plan;
    size_t left = runnables.size();
    for (limits.step = 1; left > 0; ++limits.step) {
      REQUIRE(limits.step < 5000);
      std::vector<Runnable> now;
      for (const Runnable& r : runnables)
        if (r.pending > 0) now.push_back(r);
      plan_step(now, limits, plan);
      int64_t tokens = 0, rows = 0;
      for (const Planned& p : plan) {
        Runnable& r = now[p.index];
        REQUIRE(p.tokens >= 1);
        REQUIRE(p.tokens <= r.pending);
        REQUIRE(p.tokens <= limits.prefill_chunk);
        tokens += p.tokens;
        rows += r.wants_all_rows ? p.tokens : p.tokens == r.pending;
        r.pending -= p.tokens;
        r.last_served = limits.step;
      }
      REQUIRE(!plan.empty());
      REQUIRE(tokens <= limits.max_batch_tokens);
      REQUIRE(rows <= limits.max_logit_rows);
      runnables = now;
      left = static_cast<size_t>(
          std::ranges::count_if(runnables, [](const Runnable& r) { return r.pending > 0; }));
    }
  }
}

TEST_CASE("a draft is what followed the last earlier place of the same three tokens") {
  std::mt19937_64 random(test::seed());
  for (int round = 0; round < 200; ++round) {
    NgramIndex index;
    std::vector<int32_t> tokens;
    for (int i = 0; i < 120; ++i) {
      tokens.push_back(static_cast<int32_t>(random() % 3));
      if (random() % 3 == 0) continue;
      size_t want = 0;  // by search
      for (size_t end = 3; end < tokens.size(); ++end)
        if (std::equal(tokens.end() - 3, tokens.end(), tokens.begin() + static_cast<ptrdiff_t>(end) - 3))
          want = end;
      const auto draft = index.draft(tokens, 5);
      if (draft.empty()) continue;  // a hash slot may be another run's
      REQUIRE(want > 0);
      REQUIRE(draft.data() == tokens.data() + want);
      REQUIRE(draft.size() == std::min<size_t>(5, tokens.size() - want));
    }
  }
  NgramIndex index;
  CHECK(index.draft(std::vector<int32_t>(130, 1), 5).size() ==
        1);  // the last earlier place is one token back
}

TEST_CASE("drafts go on where they pay, stop where they do not, and are tried again when texts change") {
  DraftPolicy policy;
  const auto run = [&policy](int steps, double seconds_per_row, int accepted) {
    int drafted = 0;
    for (int i = 0; i < steps; ++i) {
      const int length = policy.choose_length();
      drafted += length > 0;
      policy.tell(length, 1 + std::min(length, accepted), 1 + seconds_per_row * length);
    }
    return static_cast<double>(drafted) / steps;
  };
  CHECK(run(2000, 0.05, 4) > 0.9);  // memory-bound, guesses right
  CHECK(run(2000, 0.05, 0) < 0.1);  // guesses wrong
  CHECK(run(2000, 1.0, 7) < 0.1);   // right, but each row costs a step
  CHECK(run(3000, 0.05, 7) > 0.8);  // and now it pays again
}

TEST_CASE("long text is cut into events between characters, and a full ring keeps the rest in order") {
  int wakes = 0;
  Channel channel(1, 2, [&wakes] { ++wakes; });
  std::string text;
  for (int i = 0; i < 60; ++i) text += i % 2 ? "é" : "世界x";
  Event event;
  event.request = 7;
  event.token = 3;
  channel.push_with_text(event, text);
  for (int64_t i = 0; i < 5; ++i) {  // progress beside: only the latest is kept while it waits
    event.kind = Event::Kind::prompt_progress;
    event.tokens = i;
    channel.push(event);
  }
  std::string got;
  int tokens = 0, progress = 0;
  for (int round = 0; round < 100; ++round) {
    channel.flush_and_wake();
    for (Event read; channel.poll(read);) {
      tokens += read.kind == Event::Kind::token;
      if (read.kind == Event::Kind::prompt_progress) {
        ++progress;
        CHECK(read.tokens == 4);
        continue;
      }
      const std::string piece(read.text, read.text_bytes);
      CHECK((static_cast<unsigned char>(piece[0]) & 0xC0) != 0x80);
      got += piece;
    }
  }
  CHECK(got == text);
  CHECK(tokens == 1);
  CHECK(progress == 1);
  CHECK(wakes >= 3);
  CHECK(wakes < 20);  // none without news
  channel.close();
  channel.push(event);
  const int before = wakes;
  channel.flush_and_wake();
  CHECK(wakes == before);
}

TEST_CASE("the inbox keeps each poster's order and wakes the taker") {
  Inbox<std::pair<int, int>> inbox;
  constexpr int posters = 3, each = 5000;
  std::vector<std::thread> threads;
  for (int p = 0; p < posters; ++p)
    threads.emplace_back([&inbox, p] {
      for (int i = 0; i < each; ++i) inbox.post({p, i});
    });
  int next[posters] = {};
  for (int taken = 0; taken < posters * each;) {
    const uint32_t bell = inbox.bell();
    const auto all = inbox.take_all();
    for (const auto& [p, i] : all) REQUIRE(next[p]++ == i);
    taken += static_cast<int>(all.size());
    if (all.empty()) inbox.wait(bell);
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("shard shares: seconds at work over the window's seconds; a rest and new workers begin anew") {
  BusyMeter meter;
  std::vector<double> busy = {0, 0};
  const auto run = [&](double from, int steps) {  // of 50 ms each; the second worker has half as much to do
    bool any = false;
    for (int i = 1; i <= steps; ++i) {
      busy[0] += 0.05;
      busy[1] += 0.025;
      any |= meter.look(busy, from + 0.05 * i, 0.05);
    }
    return any;
  };
  REQUIRE(run(100, 21));
  REQUIRE(meter.shares().size() == 2);
  CHECK(meter.shares()[0] == doctest::Approx(1.0));
  CHECK(meter.shares()[1] == doctest::Approx(0.5));
  CHECK_FALSE(run(110, 5));  // ten seconds of rest do not count as a window
  REQUIRE(run(110.25, 11));
  CHECK(meter.shares()[0] == doctest::Approx(1.0));
  busy = {0, 0, 0};
  CHECK_FALSE(meter.look(busy, 112, 2));
  busy = {3, 3, 1.5};  // one step longer than any window
  REQUIRE(meter.look(busy, 115, 3));
  CHECK(meter.shares()[2] == doctest::Approx(0.5));
}
