// Whole chains of samplers against the float64 reference of sampler_reference.py: every drawn token and every mu.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/json.h"
#include "core/engine/sampler.h"
#include "tests/support/support.h"

using namespace fabula;
using namespace fabula::engine;

namespace {

// logits_at of the reference.
std::vector<float> logits_at(size_t vocab, uint64_t salt, int64_t position) {
  auto state = static_cast<uint32_t>(salt * 1000003 + static_cast<uint64_t>(position) * 7919);
  std::vector<float> out(vocab);
  for (float& x : out) {
    state = state * 1664525u + 1013904223u;
    x = static_cast<float>((state >> 8) % 640) / 64 - 5;
    if (x > 4.5f) x += 3;
  }
  return out;
}

SamplerSettings settings_of(const Json& neutral, const Json& changes) {
  SamplerSettings settings;
  Json all = neutral;
  all.update(changes);
  SamplerSettings::rows(settings, [&all](const SamplerParameter& p, auto& field) { field = all.at(p.name); });
  for (const Json& bias : all.at("logit_bias")) settings.logit_bias.emplace_back(bias[0], bias[1]);
  return settings;
}

}  // namespace

TEST_CASE("chains of samplers draw what the float64 reference draws") {
  const std::filesystem::path file = FABULA_TEST_SOURCE_DIR "/core/engine/sampler_expected.json";
  const auto expected = parse_json(test::read_text(file), "sampler_expected.json");
  REQUIRE(expected.ok());
  const size_t vocab = expected->at("vocab");
  Sampler sampler(static_cast<int64_t>(vocab));
  int tokens = 0;
  for (const Json& one : expected->at("cases")) {
    CAPTURE(one.at("name").get<std::string>());
    const SamplerSettings settings = settings_of(expected->at("neutral"), one.at("settings"));
    REQUIRE(check(settings).ok());
    std::vector<uint8_t> breakers(vocab, 0);
    for (const Json& id : one.at("breakers")) breakers[id.get<size_t>()] = 1;
    SamplerState state{{}, std::make_shared<const std::vector<uint8_t>>(breakers)};
    auto history = one.at("history").get<std::vector<int32_t>>();
    for (size_t i = 0; i < one.at("tokens").size(); ++i) {
      const int32_t want = one.at("tokens")[i];
      if (want < 0) break;  // rounding decides
      CAPTURE(i);
      const auto position = static_cast<int64_t>(history.size());
      const auto logits = logits_at(vocab, one.at("salt"), position);
      const auto choice = sampler.sample(logits.data(), history, position, one.at("seed"), 0, settings, &state);
      REQUIRE(choice.ok());
      REQUIRE(choice->token == want);
      if (settings.mirostat == 2) REQUIRE(*state.mirostat_mu == doctest::Approx(one.at("mu")[i].get<double>()).epsilon(1e-5));
      history.push_back(want);
      ++tokens;
    }
  }
  CHECK(tokens > 2500);
}

TEST_CASE("DRY finds the longest repetition in a long, repetitive text in linear time") {
  // 60,000 equal tokens: the longest match is one shorter than the text, and capped by no square of the length.
  std::vector<int32_t> history(60'000, 5);
  std::vector<float> values(16, 0);
  SamplerSettings settings;
  settings.dry_multiplier = 1;
  settings.dry_base = 1.0f;
  DryPenalties().apply(history, {}, settings, values);
  CHECK(values[5] == -1);
  CHECK(values[4] == 0);
  settings.dry_base = 1.75f;  // an enormous penalty stays a finite number
  DryPenalties().apply(history, {}, settings, values);
  CHECK(std::isfinite(values[5]));
  CHECK(values[5] < -1e29f);
}

TEST_CASE("a token breaks a repetition where its text holds a breaker") {
  const std::vector<std::string> texts = {"a", ":", "b:c", "\n\n", "", "*"};
  const std::vector<std::string> breakers = {":", "\n"};
  const auto mask = breaker_tokens(texts.size(), [&](int32_t id) { return texts[static_cast<size_t>(id)]; }, breakers);
  CHECK(mask == std::vector<uint8_t>{0, 1, 1, 1, 0, 0});
}

TEST_CASE("every parameter is named once, its default is accepted, and its slider stays within bounds") {
  std::set<std::string> names;
  const SamplerSettings settings;
  SamplerSettings::rows(settings, [&](const SamplerParameter& p, const auto& field) {
    CAPTURE(p.name);
    CHECK(names.insert(p.name).second);
    CHECK(static_cast<double>(field) >= p.lowest);
    CHECK(static_cast<double>(field) <= p.highest);
    CHECK(p.usual_lowest >= p.lowest);
    CHECK(p.usual_highest <= p.highest);
    CHECK((p.shapes == nullptr || names.contains(p.shapes)));  // stands behind what it shapes
  });
  SamplerSettings bad;
  bad.mirostat = 1;
  CHECK(!check(bad).ok());
  bad = {};
  bad.dry_breakers = {""};
  CHECK(!check(bad).ok());
}
