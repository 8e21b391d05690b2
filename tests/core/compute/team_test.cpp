// The shard team and the policy that sends it home.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "core/compute/cpu/team.h"
#include "core/compute/cpu/team_policy.h"

namespace {

using fabula::compute::cpu::Team;
using fabula::compute::cpu::TeamPolicy;

TEST_CASE("every shard runs once, before the phase ends") {
  for (const int threads : {1, 2, 3, 5}) {
    Team team(threads);
    team.set_hot(true);
    std::vector<std::atomic<int>> runs(997);
    std::atomic<int> strangers{0};
    for (int step = 0; step < 20; ++step) {
      team.begin_step(1);
      for (const int64_t n : {997, 1, 0, 2, 3, 64, 500}) {
        for (auto& r : runs) r = 0;
        team.run(n, [&](int64_t shard, int worker) {
          ++runs[static_cast<size_t>(shard)];
          if (worker < 0 || worker >= threads) ++strangers;
        });
        for (int64_t i = 0; i < 997; ++i) REQUIRE(runs[static_cast<size_t>(i)] == (i < n ? 1 : 0));
      }
      team.end_step();
    }
    CHECK(strangers == 0);
    CHECK(team.workers_in_step() <= threads);
  }
}

TEST_CASE("a worker's number is its own while it runs") {
  Team team(4);
  std::atomic<int> inside[4] = {};
  std::atomic<bool> shared{false};
  for (int step = 0; step < 50; ++step) {
    team.begin_step(1);
    team.run(64, [&](int64_t, int worker) {
      if (inside[worker].fetch_add(1) != 0) shared = true;
      inside[worker].fetch_sub(1);
    });
    team.end_step();
  }
  CHECK_FALSE(shared);
}

TEST_CASE("threads can change between steps, and workers come back after a rest") {
  Team team(2);
  std::atomic<int64_t> sum{0};
  for (const int threads : {2, 4, 1, 3, 2}) {
    team.resize(threads);
    CHECK(team.threads() == threads);
    for (int step = 0; step < 5; ++step) {
      team.begin_step(1);
      team.run(100, [&](int64_t shard, int) { sum += shard; });
      team.end_step();
      if (step == 2) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  CHECK(sum == 5 * 5 * 4950);
}

TEST_CASE("work behind a step runs once each, on workers that are still there") {
  Team team(3);
  team.set_hot(true);
  std::vector<std::atomic<int>> runs(200);
  const auto behind = [&](int64_t n, int threads) {
    for (auto& r : runs) r = 0;
    std::atomic<bool> stranger{false};
    team.run_after_step(n, [&](int64_t i, int worker) {
      ++runs[static_cast<size_t>(i)];
      if (worker < 0 || worker >= threads) stranger = true;
    });
    CHECK_FALSE(stranger);
    for (int64_t i = 0; i < 200; ++i) REQUIRE(runs[static_cast<size_t>(i)] == (i < n ? 1 : 0));
  };
  behind(5, 1);  // before any step there is only the caller
  for (int step = 0; step < 50; ++step) {
    team.begin_step(1);
    team.run(100, [](int64_t, int) {});
    team.end_step();
    behind(step % 4 == 0 ? 200 : step % 4, 3);
    if (step == 25) std::this_thread::sleep_for(std::chrono::milliseconds(30));  // all have left
  }
  team.resize(2);
  behind(20, 1);
}

// Steps of a machine on which one thread needs `alone` and the team needs `together` seconds, with `lost` of its share lost.
struct Machine {
  double alone, together, lost;
};
double run_steps(TeamPolicy& policy, const Machine& m, int steps) {
  double total = 0;
  for (int i = 0; i < steps; ++i) {
    const double seconds = policy.alone(1) ? m.alone : m.together;
    policy.step_ended(1, seconds, m.lost * seconds);
    total += seconds;
  }
  return total;
}

TEST_CASE("an idle machine keeps the team") {
  TeamPolicy policy;
  CHECK(run_steps(policy, {2e-3, 1e-3, 0.03}, 10000) == doctest::Approx(10.0));
}

TEST_CASE("where the team loses, one thread goes on alone at nearly its own speed") {
  TeamPolicy policy;
  CHECK(run_steps(policy, {4e-3, 9e-3, 0.5}, 10000) < 1.05 * 10000 * 4e-3);
}

TEST_CASE("where the team still pays, trials cost little") {
  TeamPolicy policy;
  CHECK(run_steps(policy, {4e-3, 2.5e-3, 0.3}, 10000) < 1.02 * 10000 * 2.5e-3);
}

TEST_CASE("when the neighbour leaves, the team comes back within seconds") {
  TeamPolicy policy;
  run_steps(policy, {4e-3, 9e-3, 0.5}, 3000);
  run_steps(policy, {4e-3, 2e-3, 0.02}, 700);
  CHECK(run_steps(policy, {4e-3, 2e-3, 0.02}, 1000) == doctest::Approx(2.0));
}

TEST_CASE("a trial alone is for steps of its own shape") {
  TeamPolicy policy;
  policy.step_ended(64, 0.05, 0.04);  // workers that were still asleep: suspicious
  CHECK(policy.alone(64));
  CHECK_FALSE(policy.alone(512));
}

TEST_CASE("steps of changing shapes decide nothing by accident") {
  TeamPolicy policy;
  for (int i = 0; i < 1000; ++i) {
    policy.step_ended(i % 7, 1e-3, 9e-4);
    CHECK_FALSE(policy.alone((i + 1) % 7));
  }
}

}  // namespace
