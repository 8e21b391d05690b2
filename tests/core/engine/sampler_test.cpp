#include "core/engine/sampler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "core/engine/exact_math.h"
#include "core/engine/philox.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::engine;

namespace {

SamplerSettings plain() {  // every filter off
  SamplerSettings settings;
  settings.temperature = 1;
  settings.top_k = 0;
  settings.top_p = 1;
  settings.min_p = 0;
  return settings;
}

std::vector<float> random_logits(std::mt19937_64& random, size_t n, float spread) {
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> logits(n);
  for (float& x : logits) x = normal(random);
  return logits;
}

// The distribution that NUMERICS 6 asks for, by id, in float64 with libm: written from the definitions,
// sharing nothing with the sampler. `nearest`: how near a cut was to going the other way, so that a test can
// leave out what rounding may decide.
std::map<int, double> reference_distribution(const std::vector<float>& logits,
                                             const std::vector<int32_t>& history, const SamplerSettings& s,
                                             double& nearest) {
  struct Item {
    int id;
    double logit, p;
  };
  std::vector<double> x(logits.begin(), logits.end());
  for (const auto& [id, bias] : s.logit_bias) x[static_cast<size_t>(id)] += static_cast<double>(bias);
  const size_t window =
      s.penalty_window < 0 ? history.size() : std::min(history.size(), static_cast<size_t>(s.penalty_window));
  std::map<int32_t, int> counts;
  for (size_t i = history.size() - window; i < history.size(); ++i) ++counts[history[i]];
  for (const auto& [id, n] : counts) {
    double& v = x[static_cast<size_t>(id)];
    v = v > 0 ? v / static_cast<double>(s.repeat_penalty) : v * static_cast<double>(s.repeat_penalty);
    v -= static_cast<double>(s.presence_penalty) + n * static_cast<double>(s.frequency_penalty);
  }
  std::vector<Item> items;
  for (size_t i = 0; i < x.size(); ++i)
    items.push_back({static_cast<int>(i), x[i] / static_cast<double>(s.temperature), 0});
  nearest = 1;
  const auto normalise = [&items] {
    double max = -1e300, sum = 0;
    for (const Item& item : items) max = std::max(max, item.logit);
    for (Item& item : items) sum += item.p = std::exp(item.logit - max);
    for (Item& item : items) item.p /= sum;
  };
  const auto keep_until = [&](double mass) {
    double sum = 0;
    size_t kept = 0;
    while (kept < items.size()) {
      sum += items[kept++].p;
      nearest = std::min(nearest, std::abs(sum - mass));
      if (sum >= mass) break;
    }
    items.resize(kept);
  };
  const auto by_logit = [](const Item& a, const Item& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  std::sort(items.begin(), items.end(), by_logit);
  if (s.top_k > 0 && static_cast<size_t>(s.top_k) < items.size()) items.resize(static_cast<size_t>(s.top_k));
  if (s.typical_p < 1) {
    normalise();
    double entropy = 0;
    for (const Item& item : items) entropy -= item.p * std::log(item.p);
    std::stable_sort(items.begin(), items.end(), [entropy](const Item& a, const Item& b) {
      return std::abs(-std::log(a.p) - entropy) < std::abs(-std::log(b.p) - entropy);
    });
    for (size_t i = 1; i < items.size(); ++i)
      nearest = std::min(
          nearest, std::abs(-std::log(items[i].p) - entropy) - std::abs(-std::log(items[i - 1].p) - entropy));
    keep_until(static_cast<double>(s.typical_p));
    std::sort(items.begin(), items.end(), by_logit);
  }
  if (s.top_p < 1) {
    normalise();
    keep_until(static_cast<double>(s.top_p));
  }
  if (s.min_p > 0) {
    normalise();
    const double floor = items[0].p * static_cast<double>(s.min_p);
    for (size_t i = 1; i < items.size(); ++i)
      nearest = std::min(nearest, std::abs(items[i].p - floor) / floor);
    std::erase_if(items, [floor](const Item& item) { return item.p < floor; });
  }
  normalise();
  std::map<int, double> distribution;
  for (const Item& item : items) distribution[item.id] = item.p;
  return distribution;
}

}  // namespace

TEST_CASE("Philox4x32-10 gives Random123's known answers") {
  using Words = std::array<uint32_t, 4>;
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("the exact exp and log are near libm's") {
  for (int i = 0; i <= 87000; ++i) {
    const float x = -static_cast<float>(i) / 1000;
    const double want = std::exp(static_cast<double>(x));
    if (x > -87) REQUIRE(std::abs(static_cast<double>(exp_nonpositive(x)) - want) <= 2e-7 * want);
  }
  CHECK(exp_nonpositive(0) == 1);
  CHECK(exp_nonpositive(-std::numeric_limits<float>::infinity()) == 0);
  for (double x = 1e-300; x < 1e300; x *= 1.7)
    REQUIRE(log_positive(x) == doctest::Approx(std::log(x)).epsilon(1e-14));
  CHECK(log_positive(1) == 0);
}

TEST_CASE("every instruction set gives the same bits of a row") {
  REQUIRE(row_maths().size() >= 1);
  const RowMath& reference = row_math_scalar();
  std::mt19937_64 random(test::seed());
  std::normal_distribution<float> normal(0, 4);
  for (size_t n : {1, 2, 15, 16, 17, 31, 33, 100, 1023, 49152, 49159}) {
    std::vector<float> row(n);
    for (float& x : row) x = normal(random);
    if (n > 100) row[n / 2] = -std::numeric_limits<float>::infinity();
    const RowPeak want = reference.peak(row.data(), n);
    CHECK(want.usable);
    CHECK(want.max == *std::ranges::max_element(row));
    const double sum = reference.exp_sum(row.data(), n, want.max);
    double plain = 0;
    for (const float x : row) plain += std::exp(static_cast<double>(x) - static_cast<double>(want.max));
    CHECK(sum == doctest::Approx(plain).epsilon(1e-6));
    const size_t columns = (n + 15) / 16;
    std::vector<float> maxima(columns), other(columns);
    reference.column_maxima(row.data(), n, columns, maxima.data());
    for (size_t c = 0; c < columns; ++c) {
      float most = row[c];
      for (size_t i = c; i < n; i += columns) most = std::max(most, row[i]);
      REQUIRE(maxima[c] == most);
    }
    for (const RowMath* rows : row_maths()) {
      CAPTURE(std::string(rows->isa));
      CHECK(rows->peak(row.data(), n).max == want.max);
      CHECK(std::bit_cast<uint64_t>(rows->exp_sum(row.data(), n, want.max)) == std::bit_cast<uint64_t>(sum));
      rows->column_maxima(row.data(), n, columns, other.data());
      CHECK(other == maxima);
      for (const float wrong : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        const size_t at = random() % n;
        const float kept = std::exchange(row[at], wrong);
        CHECK_FALSE(rows->peak(row.data(), n).usable);
        row[at] = kept;
      }
      const std::vector<float> masked(n, -std::numeric_limits<float>::infinity());
      CHECK_FALSE(rows->peak(masked.data(), n).usable);
    }
  }
}

TEST_CASE("greedy takes the highest logit, the lowest id of equals") {
  Sampler sampler(100);
  std::vector<float> logits(100, -1);
  logits[17] = logits[41] = 3;
  SamplerSettings settings;
  settings.temperature = 0;
  CHECK(sampler.sample(logits.data(), {}, 0, 1, 0, settings)->token == 17);
  settings.logit_bias = {{41, 0.5f}};
  const auto choice = sampler.sample(logits.data(), {}, 0, 1, 0, settings);
  CHECK(choice->token == 41);
  const double sum = 2 * std::exp(3.0) + 98 * std::exp(-1.0);
  CHECK(choice->logprob == doctest::Approx(3 - std::log(sum)).epsilon(1e-6));  // of the unmodified logits
}

TEST_CASE("each filter keeps what the float64 reference keeps, with its probabilities") {
  std::mt19937_64 random(test::seed());
  const size_t vocab = 700;  // no multiple of the lanes
  Sampler sampler(static_cast<int64_t>(vocab));
  const auto pick = [&random](auto... values) {
    const std::common_type_t<decltype(values)...> all[] = {values...};
    return all[random() % (sizeof all / sizeof all[0])];
  };
  int checked = 0;
  for (int round = 0; round < 600; ++round) {
    CAPTURE(round);
    SamplerSettings s = plain();
    s.temperature = pick(0.3f, 0.7f, 1.0f, 1.9f);
    s.top_k = pick(0, 0, 1, 5, 40, 699, 5000);
    s.top_p = pick(1.0f, 1.0f, 0.95f, 0.5f, 0.1f, 0.0f);
    s.min_p = pick(0.0f, 0.0f, 0.05f, 0.4f, 1.0f);
    s.typical_p = pick(1.0f, 1.0f, 0.9f, 0.3f);
    s.repeat_penalty = pick(1.0f, 1.3f);
    s.presence_penalty = pick(0.0f, 0.7f, -0.4f);
    s.frequency_penalty = pick(0.0f, 0.2f);
    s.penalty_window = pick(64, 7, 0, -1);
    if (random() % 3 == 0) s.logit_bias = {{3, 2.5f}, {500, -8.0f}};
    const std::vector<float> logits = random_logits(random, vocab, pick(0.5f, 3.0f));
    std::vector<int32_t> history(random() % 90);
    for (int32_t& id : history) id = static_cast<int32_t>(random() % vocab);
    double nearest = 0;
    const auto want = reference_distribution(logits, history, s, nearest);
    if (nearest < 1e-5) continue;  // rounding may decide either way
    ++checked;
    // Each of the survivors is drawn by the numbers that fall into its share, walking by id: look at both
    // ends of every share.
    std::set<int> drawn;
    for (int64_t position = 0; position < 400; ++position) {
      const double u = uniform_at(9, 0, position);
      const auto choice = sampler.sample(logits.data(), history, position, 9, 0, s);
      REQUIRE(choice.ok());
      REQUIRE(want.contains(choice->token));
      double below = 0;
      for (const auto& [id, p] : want) {
        if (id == choice->token) {
          REQUIRE(u >= below - 1e-5);
          REQUIRE(u <= below + p + 1e-5);
          break;
        }
        below += p;
      }
      drawn.insert(choice->token);
    }
    if (want.size() <= 3)
      for (const auto& [id, p] : want)
        if (p > 0.05) REQUIRE(drawn.contains(id));
  }
  CHECK(checked > 400);
}

TEST_CASE("draws follow the distribution (chi-square)") {
  std::mt19937_64 random(test::seed());
  const size_t vocab = 50;
  Sampler sampler(static_cast<int64_t>(vocab));
  const auto logits = random_logits(random, vocab, 1.0f);
  SamplerSettings s = plain();
  s.temperature = 0.8f;
  s.top_k = 30;
  double nearest = 0;
  const auto want = reference_distribution(logits, {}, s, nearest);
  const uint64_t key = random() >> 1;
  CAPTURE(key);
  for (uint32_t choice_index : {0u, 3u}) {
    std::map<int, int64_t> counts;
    constexpr int64_t draws = 200'000;
    for (int64_t position = 0; position < draws; ++position)
      ++counts[sampler.sample(logits.data(), {}, position, key, choice_index, s)->token];
    double chi2 = 0;
    for (const auto& [id, p] : want) {
      const double expected = p * static_cast<double>(draws),
                   off = static_cast<double>(counts[id]) - expected;
      chi2 += off * off / expected;
    }
    // 29 degrees of freedom: above 80 one time in a million.
    CHECK(chi2 < 80);
  }
}

TEST_CASE("the random number depends on seed, choice and position alone") {
  CHECK(uniform_at(1, 0, 5) != uniform_at(2, 0, 5));
  CHECK(uniform_at(1, 0, 5) != uniform_at(1, 1, 5));
  CHECK(uniform_at(1, 0, 5) != uniform_at(1, 0, 6));
  CHECK(uniform_at(uint64_t{1} << 40, 0, 5) != uniform_at(0, 0, 5));
  CHECK(uniform_at(0, 0, int64_t{1} << 40) != uniform_at(0, 0, 0));

  std::mt19937_64 random(test::seed());
  Sampler one(500), other(500);
  const auto logits = random_logits(random, 500, 2);
  const SamplerSettings s = plain();
  (void)other.sample(random_logits(random, 500, 2).data(), {}, 3, 8, 0, s);  // a past leaves no trace
  CHECK(one.sample(logits.data(), {}, 17, 4, 0, s)->token ==
        other.sample(logits.data(), {}, 17, 4, 0, s)->token);
}

TEST_CASE("history beyond the penalty window changes nothing") {
  std::mt19937_64 random(test::seed());
  Sampler sampler(500);
  SamplerSettings s = plain();
  s.repeat_penalty = 1.5f;
  s.frequency_penalty = 0.3f;
  s.penalty_window = 16;
  for (int round = 0; round < 200; ++round) {
    const auto logits = random_logits(random, 500, 2);
    std::vector<int32_t> a(100), b(100);
    for (size_t i = 0; i < 100; ++i) {
      a[i] = static_cast<int32_t>(random() % 500);
      b[i] = i < 84 ? static_cast<int32_t>(random() % 500) : a[i];
    }
    REQUIRE(sampler.sample(logits.data(), a, round, 7, 0, s)->token ==
            sampler.sample(logits.data(), b, round, 7, 0, s)->token);
  }
}

TEST_CASE("logits that are no numbers are an error, masked ones are not") {
  Sampler sampler(40);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const SamplerSettings s = plain();
  for (size_t place : {size_t{0}, size_t{15}, size_t{33}, size_t{39}})
    for (float bad : {std::numeric_limits<float>::quiet_NaN(), infinity}) {
      std::vector<float> logits(40, 0.5f);
      logits[place] = bad;
      const auto choice = sampler.sample(logits.data(), {}, 0, 1, 0, s);
      REQUIRE(!choice.ok());
      CHECK(choice.error().code == ErrorCode::internal);
      std::vector<Choice> top;
      CHECK(!sampler.top(logits.data(), 3, top).ok());
    }
  std::vector<float> masked(40, -infinity);
  CHECK(!sampler.sample(masked.data(), {}, 0, 1, 0, s).ok());
  masked[12] = -3;
  const auto only = sampler.sample(masked.data(), {}, 0, 1, 0, s);
  CHECK(only->token == 12);
  CHECK(only->logprob == 0);
}

TEST_CASE("the likeliest tokens come in order, with log-probabilities") {
  Sampler sampler(50);
  std::vector<float> logits(50, 0);
  logits[7] = logits[3] = 2;
  logits[20] = 5;
  std::vector<Choice> top;
  REQUIRE(sampler.top(logits.data(), 4, top).ok());
  REQUIRE(top.size() == 4);
  CHECK(top[0].token == 20);
  CHECK(top[1].token == 3);
  CHECK(top[2].token == 7);
  CHECK(top[3].token == 0);
  const double log_sum = std::log(std::exp(5.0) + 2 * std::exp(2.0) + 47);
  CHECK(top[0].logprob == doctest::Approx(5 - log_sum).epsilon(1e-6));
  CHECK(top[3].logprob == doctest::Approx(-log_sum).epsilon(1e-6));
  REQUIRE(sampler.top(logits.data(), 99, top).ok());
  CHECK(top.size() == 50);
}

TEST_CASE("settings that make no sense are refused by name") {
  SamplerSettings s;
  CHECK(check(s).ok());
  const auto refuses = [](SamplerSettings bad, const char* name) {
    const Status status = check(bad);
    return !status.ok() && status.error().message.find(name) != std::string::npos;
  };
  s.temperature = std::numeric_limits<float>::quiet_NaN();
  CHECK(refuses(s, "temperature"));
  s = {};
  s.top_p = 1.5f;
  CHECK(refuses(s, "top_p must be from 0 to 1, not 1.5"));
  s = {};
  s.top_k = -2;
  CHECK(refuses(s, "top_k must be from 0 to 1000000, not -2"));
  s = {};
  for (float nearly_nothing : {0.0f, 1e-40f, 0.009f}) {
    s.repeat_penalty = nearly_nothing;
    CHECK(refuses(s, "repeat_penalty"));
  }
  s = {};
  s.logit_bias = {{4, std::numeric_limits<float>::infinity()}};
  CHECK(refuses(s, "logit_bias"));
}
