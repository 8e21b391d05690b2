// Logits and greedy text of every reference under testdata/models (made by llama.cpp, see its README.md): all families, all types.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/core/compute/compute_support.h"
#include "tests/support/support.h"

namespace {

namespace fs = std::filesystem;
using namespace fabula;
using namespace fabula::test;

// Activations as int8 per 32: the rounding error of one is uniform within +-absmax/254, which for normally distributed blocks of 32
// (absmax about 2.2 sigma) is sigma * 2.2 / 254 / sqrt(3) = 0.5 % of it. A dot product averages it to the same 0.5 % of its typical
// size, and the residual stream collects two such branches a layer: a handful of per cent in the logits of these small models.
constexpr double quantised_bound = 0.05;
constexpr double float_bound = 1e-3;

bool has_quantised_weights(const compute::Executor& executor) {
  return std::ranges::any_of(executor.info().tensors, [](const auto& t) { return formats::is_quantised(t.effective); });
}

void check_greedy(compute::Executor& executor, const nlohmann::json& run, int64_t vocab, double least_gap) {
  if (!run.contains("greedy_ids")) return;
  std::vector<int32_t> tokens = run.at("prompt_ids");
  const std::vector<int32_t> expected = run.at("greedy_ids");
  const std::vector<double> gaps = run.at("greedy_top2_logit_gap");
  Sequence sequence(executor);
  std::vector<float> logits = sequence.read(tokens, 0, vocab);
  size_t agreed = 0;
  for (size_t i = 0; i < std::min(expected.size(), gaps.size()); ++i) {
    const auto last = std::span(logits).last(static_cast<size_t>(vocab));
    const int32_t next = argmax(last);
    if (next != expected[i]) {
      CHECK_MESSAGE(gaps[i] < least_gap, "greedy token ", i, " is ", next, ", expected ", expected[i], ", gap ", gaps[i]);
      break;
    }
    ++agreed;
    if (sequence.length() + 1 > 8 * compute::kv_block_tokens) break;
    logits = sequence.read({&next, 1}, 0, vocab);
  }
  MESSAGE("greedy tokens equal: ", agreed, " of ", expected.size());
}

void check_reference(const fs::path& json_path) {
  const std::string stem = json_path.filename().string().substr(0, json_path.filename().string().find(".ref.json"));
  CAPTURE(stem);
  const OpenedModel model = open_weights(json_path.parent_path() / (stem + ".gguf"));
  const compute::ModelSpec& spec = model.spec;
  const auto executor = load(spec, *model.source, {.kv_precision = compute::KvPrecision::f32}, {});
  const bool quantised = has_quantised_weights(*executor);
  const auto reference = nlohmann::json::parse(read_text(json_path));
  for (const auto& [name, run] : reference.at("runs").items()) {
    CAPTURE(name);
    const std::vector<int32_t> prompt = run.at("prompt_ids");
    Sequence sequence(*executor);
    const std::vector<float> logits = sequence.read(prompt, 0, spec.vocab);
    for (const std::string& kind : {std::string(".deqf32"), std::string()}) {
      const fs::path file = json_path.parent_path() / (stem + ".ref-" + name + kind + ".logits.f32");
      if (!fs::exists(file)) continue;
      const Difference d = compare(logits, read_floats(file), static_cast<size_t>(spec.vocab));
      // Without deqf32 beside it, the plain file of a float model is the float reference; else it has llama.cpp's own activation
      // types in it (q8, f16, bf16) and bounds only loosely.
      const bool loose = quantised || (kind.empty() && fs::exists(json_path.parent_path() / (stem + ".ref-" + name + ".deqf32.logits.f32")));
      MESSAGE(stem, " ", name, kind, ": ", d.text);
      CHECK_MESSAGE(d.relative < (loose ? quantised_bound : float_bound), d.text);
    }
    check_greedy(*executor, run, spec.vocab, quantised ? 1.0 : 0.02);
  }
}

TEST_CASE("every reference under testdata/models") {
  FABULA_REQUIRE_TESTDATA();
  int found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(*testdata() / "models")) {
    if (!entry.path().filename().string().ends_with(".ref.json")) continue;
    ++found;
    check_reference(entry.path());
  }
  MESSAGE(found, " references");
}

}  // namespace
