#include "core/compute/cpu/read_rate.h"

#include <doctest/doctest.h>

#include <vector>

#include "core/compute/cpu/isa.h"

using namespace fabula::compute::cpu;

TEST_CASE("a team reads at some rate, and stops when told to") {
  const auto kernels = choose_kernels("");
  REQUIRE(kernels.ok());
  Team team(2);
  const std::vector<uint8_t> memory(size_t{256} << 20, 1);
  const std::span all(memory);
  team.begin_step(0);
  const double cached = read_rate(team, **kernels, all.first(size_t{256} << 10), 0.01);
  const double far = read_rate(team, **kernels, all, 0.01);
  CHECK(far > 1e8);
  CHECK(cached > 1e8);
  int asked = 0;
  CHECK(read_rate(team, **kernels, all, 60, [&] { return ++asked > 2; }) == 0);
  CHECK(asked == 3);
  CHECK(read_rate(team, **kernels, all.first(100), 0.01) == 0);  // nothing to measure
  CHECK(copy_rate(team, all, uint64_t{64} << 20) > 1e6);
  CHECK(copy_rate(team, all, 100) == 0);
  team.end_step();
}
