// Time by phase and by worker: the parts must fit the whole, measured by the step's own clock.
#include <doctest/doctest.h>

#include <numeric>
#include <set>

#include "tests/core/compute/compute_support.h"
#include "tests/core/compute/random_model.h"

namespace {

using namespace fabula;
using namespace fabula::test;

struct Stepped {
  double seconds = 0;
  std::vector<compute::PhaseTime> phases;
};

Stepped read_profiled(compute::Executor& executor, int64_t vocab) {
  const std::vector<int32_t> blocks = {0, 1, 2, 3, 4, 5, 6, 7};
  const auto tokens = random_tokens(400, vocab, 1);
  executor.set_profiling(true);
  Stepped stepped;
  int64_t at = 0;
  for (const int64_t n : {200, 100, 1, 1, 1, 50}) {
    const compute::SequenceSlice slice{std::span(tokens).subspan(static_cast<size_t>(at), static_cast<size_t>(n)), at, blocks,
                                       compute::LogitRows::last};
    REQUIRE(executor.forward({&slice, 1}, nullptr).ok());
    stepped.seconds += executor.last_step().seconds;
    at += n;
  }
  stepped.phases = executor.profile();
  executor.set_profiling(false);
  return stepped;
}

double sum_of(const Stepped& stepped) {
  return std::accumulate(stepped.phases.begin(), stepped.phases.end(), 0.0,
                         [](double sum, const compute::PhaseTime& phase) { return sum + phase.seconds; });
}

TEST_CASE("phases fill the step, and a worker is never busier than a phase is long") {
  for (const int64_t experts : {0, 4}) {
    for (const int threads : {1, 2, 3}) {
      RandomModel model;
      make_random_model({.type = formats::DType::q8_0, .head_dim = 32, .experts = experts, .experts_per_token = 2}, model);
      const auto executor = load(model.spec, model.source, {}, {.threads = threads});
      Stepped stepped = read_profiled(*executor, model.spec.vocab);
      // Between phases there is nearly nothing to do; but a busy machine may take the core away just there.
      for (int again = 0; again < 50 && sum_of(stepped) < 0.5 * stepped.seconds; ++again) stepped = read_profiled(*executor, model.spec.vocab);
      std::set<std::string_view> names;
      for (const compute::PhaseTime& phase : stepped.phases) {
        CAPTURE(std::string(phase.name));
        names.insert(phase.name);
        CHECK(phase.shards > 0);
        REQUIRE(phase.busy_seconds.size() == static_cast<size_t>(threads));
        for (const double busy : phase.busy_seconds) {
          CHECK(busy >= 0);
          CHECK(busy <= phase.seconds * 1.001 + 1e-6);
        }
      }
      CHECK(sum_of(stepped) <= stepped.seconds * 1.05);
      CHECK(sum_of(stepped) >= stepped.seconds * 0.5);
      for (const char* name : {"embed", "norm", "qkv", "rope+kv", "attention", "pack", "o", "gate+up", "down", "head"})
        CHECK(names.contains(name));
      CHECK(names.contains("route") == (experts > 0));
    }
  }
}

TEST_CASE("seconds at work grow with the steps and stay below the clock; off, no phase is counted") {
  RandomModel model;
  make_random_model({.type = formats::DType::f32, .head_dim = 32}, model);
  const auto executor = load(model.spec, model.source, {}, {.threads = 2});
  const Stepped first = read_profiled(*executor, model.spec.vocab);
  const std::vector<double> before(executor->busy_seconds().begin(), executor->busy_seconds().end());
  REQUIRE(before.size() == 2);
  CHECK(before[0] > 0);
  CHECK(before[0] <= first.seconds * 1.05);
  CHECK(before[1] <= first.seconds * 1.05);
  const auto phases_before = executor->profile();
  const std::vector<int32_t> blocks = {0};
  const int32_t token = 3;
  const compute::SequenceSlice slice{{&token, 1}, 0, blocks, compute::LogitRows::last};
  REQUIRE(executor->forward({&slice, 1}, nullptr).ok());
  CHECK(executor->busy_seconds()[0] > before[0]);
  CHECK(executor->busy_seconds()[1] >= before[1]);
  const auto phases_after = executor->profile();
  REQUIRE(phases_after.size() == phases_before.size());
  for (size_t i = 0; i < phases_after.size(); ++i) CHECK(phases_after[i].shards == phases_before[i].shards);
  executor->set_threads(3);
  REQUIRE(executor->busy_seconds().size() == 3);
  CHECK(executor->busy_seconds()[0] == 0);
}

}  // namespace
