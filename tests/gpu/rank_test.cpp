// Ranked logits against a plain sort, from the kernel and from whole steps.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "tests/gpu/support.h"
#include "tests/support/support.h"

namespace {

using namespace fabula;
using namespace fabula::test;

// Ids in the sampler's order: higher first, of equals (the two zeros are equal) the lower id.
std::vector<int32_t> sorted_ids(std::span<const float> logits) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) { return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)]; });
  return ids;
}

void check_row(const compute::RankedRow& row, std::span<const float> logits, size_t asked) {
  const auto ids = sorted_ids(logits);
  REQUIRE(row.ids.size() >= std::min(asked, logits.size()));
  REQUIRE(row.ids.size() == row.logits.size());
  for (size_t i = 0; i < row.ids.size(); ++i) {
    REQUIRE(row.ids[i] == ids[i]);
    REQUIRE(row.logits[i] == logits[static_cast<size_t>(ids[i])]);
  }
  double sum = 0;
  for (const float x : logits) sum += std::exp(double{x} - double{row.max});
  CHECK(row.usable);
  CHECK(row.max == logits[static_cast<size_t>(ids[0])]);
  CHECK(row.log_sum == doctest::Approx(std::log(sum)).epsilon(1e-6));
}

TEST_CASE("GPU: ranked rows of a step are the sorted logits, beside slices that want whole rows") {
  FABULA_REQUIRE_DEVICE();
  for (const int64_t vocab : {int64_t{17}, int64_t{4097}}) {
    CAPTURE(vocab);
    RandomModel model;
    make_random_model({.type = formats::DType::f16, .layers = 1, .hidden = 32, .heads = 2, .kv_heads = 1, .head_dim = 16, .ffn = 32, .vocab = vocab, .final_softcap = 1}, model);
    const auto executor = load_on_gpu(model.spec, model.source, {.max_batch_tokens = 8});
    CHECK(executor->most_ranked() == 256);
    const auto tokens = random_tokens(6, vocab, 3);
    Sequence plain(*executor, {7});
    const auto expected = plain.read(tokens, 0, vocab);
    const std::vector<int32_t> first = {0}, second = {1};
    for (const int asked : {40, 65}) {
      CAPTURE(asked);
      const compute::SequenceSlice batch[] = {{std::span(tokens).first(3), 0, first, compute::LogitRows::all, asked},
                                              {std::span(tokens).first(4), 0, second, compute::LogitRows::last}};
      REQUIRE(executor->forward(batch, nullptr).ok());
      for (int64_t row = 0; row < 3; ++row) check_row(executor->ranked_row(row), std::span(expected).subspan(static_cast<size_t>(row * vocab), static_cast<size_t>(vocab)), static_cast<size_t>(asked));
      CHECK(std::equal(executor->logits() + 3 * vocab, executor->logits() + 4 * vocab, expected.begin() + 3 * vocab));
      // A step of one token is recorded the second time and replayed the third.
      for (int64_t at = 3; at < 6; ++at) {
        const compute::SequenceSlice one{std::span(tokens).subspan(static_cast<size_t>(at), 1), at, first, compute::LogitRows::last, asked};
        REQUIRE(executor->forward({&one, 1}, nullptr).ok());
        check_row(executor->ranked_row(0), std::span(expected).subspan(static_cast<size_t>(at * vocab), static_cast<size_t>(vocab)), static_cast<size_t>(asked));
      }
    }
    const compute::SequenceSlice too_many{std::span(tokens).first(1), 0, first, compute::LogitRows::last, 257};
    CHECK(executor->forward({&too_many, 1}, nullptr).error().code == ErrorCode::invalid_argument);
  }
}

}  // namespace
