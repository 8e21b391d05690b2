// The ranking kernel alone, on rows that a model seldom writes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "gpu/executor/ranking.h"
#include "tests/gpu/kernel_support.h"
#include "tests/gpu/support.h"

namespace {

using namespace fabula;
using namespace fabula::test;

constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<compute::RankedRow> ranked(gpu::Device& device, gpu::Ranking& ranking, const std::vector<float>& logits, int n, int k) {
  const gpu::Memory memory = allocate(device, logits.size() * sizeof(float));
  device.upload(memory.data(), logits.data(), logits.size() * sizeof(float));
  ranking.run(device, reinterpret_cast<const float*>(memory.data()), n, k);
  REQUIRE(device.finish().ok());
  std::vector<compute::RankedRow> rows;
  for (int i = 0; i < n; ++i) rows.push_back(ranking.row(i, k));
  return rows;
}

TEST_CASE("GPU: ties, zeros of both signs, infinities and NaN in ranked rows") {
  FABULA_REQUIRE_DEVICE();
  const auto device = open_device();
  constexpr int vocab = 9001, n = 6;  // three chunks, the last one mostly empty
  compute::ModelSpec spec;
  spec.vocab = vocab;
  gpu::Ranking ranking;
  REQUIRE(ranking.allocate(*device, spec, {.max_logit_rows = n}).ok());
  std::mt19937 random(5);
  std::vector<float> logits(static_cast<size_t>(n) * vocab);
  for (float& x : logits) x = static_cast<float>(static_cast<int>(random() % 41) - 20) / 4;  // many equal ones
  const auto row = [&](int i) { return std::span(logits).subspan(static_cast<size_t>(i) * vocab, vocab); };
  std::ranges::fill(row(1), -0.0f);
  row(1)[8999] = 0.0f;
  std::ranges::fill(row(2), -infinity);
  row(2)[4096] = -3;
  row(3)[9000] = std::numeric_limits<float>::quiet_NaN();
  row(4)[5000] = infinity;
  std::ranges::fill(row(5), -infinity);
  for (const int k : {64, 256}) {
    const auto found = ranked(*device, ranking, logits, n, k);
    for (int i = 0; i < 3; ++i) {
      CAPTURE(i);
      std::vector<int32_t> ids(vocab);
      for (int32_t id = 0; id < vocab; ++id) ids[static_cast<size_t>(id)] = id;
      std::ranges::stable_sort(ids, [&](int32_t a, int32_t b) { return row(i)[static_cast<size_t>(a)] > row(i)[static_cast<size_t>(b)]; });
      ids.resize(static_cast<size_t>(k));
      CHECK(std::ranges::equal(found[static_cast<size_t>(i)].ids, ids));
      CHECK(found[static_cast<size_t>(i)].usable);
    }
    CHECK(std::signbit(found[1].logits[0]));  // the logit itself comes back, not its key
    CHECK(found[1].log_sum == doctest::Approx(std::log(double{vocab})));
    CHECK(found[2].log_sum == doctest::Approx(0));
    for (int i = 3; i < n; ++i) CHECK_FALSE(found[static_cast<size_t>(i)].usable);
  }
}

}  // namespace
