// Logits and greedy text of every reference under testdata/models (made by llama.cpp, see its README.md): all families, all types.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/core/compute/compute_support.h"
#include "tests/core/compute/random_model.h"
#include "tests/support/support.h"

namespace {

namespace fs = std::filesystem;
using namespace fabula;
using namespace fabula::test;

// Weights dequantised to f32 and all arithmetic in f32, as in llama.cpp's deqf32 runs: only the order of sums differs.
constexpr double float_bound = 1e-4;
constexpr double gelu_bound = 1e-3;  // ggml looks GELU up in a table of f16

// Precision `auto`: what the textbook in double says that int8 inputs cost this very model and prompt, for the engine's rounding is
// another draw of the same noise (forward_test.cpp); and f16 for f32 weights, at most 5e-4 of a matrix (NUMERICS 10), over some
// seven products a layer.
double auto_bound(const OpenedModel& model, std::span<const int32_t> prompt) {
  constexpr double draws = 1.2, f16_weights = 2e-3;
  return draws * int8_noise(model.spec, *model.source, prompt) + f16_weights;
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

// The greedy text of the deqf32 run, in the place of the native one.
nlohmann::json dequantised_run(nlohmann::json run) {
  for (const char* key : {"greedy_ids", "greedy_top2_logit_gap"})
    if (run.at("deqf32").contains(key)) run[key] = run.at("deqf32").at(key);
  return run;
}

void check_runs(const fs::path& json_path, const std::string& stem, const OpenedModel& model, compute::Precision precision) {
  const bool exact = precision == compute::Precision::f32;
  CAPTURE(exact);
  const auto executor = load(model.spec, *model.source, {.precision = precision, .kv_precision = compute::KvPrecision::f32}, {});
  const auto reference = nlohmann::json::parse(read_text(json_path));
  for (const auto& [name, run] : reference.at("runs").items()) {
    FABULA_CAPTURE(name);
    const std::vector<int32_t> prompt = run.at("prompt_ids");
    Sequence sequence(*executor);
    const std::vector<float> logits = sequence.read(prompt, 0, model.spec.vocab);
    const std::string base = stem + ".ref-" + name;
    const fs::path native = json_path.parent_path() / (base + ".logits.f32"), dequantised = json_path.parent_path() / (base + ".deqf32.logits.f32");
    // Where there is no deqf32 run, the model is f32 and the native run is the float reference; else the native one has llama.cpp's
    // own rounding of inputs, and says no more than what its greedy text says below.
    const fs::path file = fs::exists(dequantised) ? dequantised : native;
    if (fs::exists(file)) {
      const Difference d = compare(logits, read_floats(file), static_cast<size_t>(model.spec.vocab));
      const double exact_bound = model.spec.activation == compute::Activation::gelu_tanh ? gelu_bound : float_bound;
      const double bound = exact ? exact_bound : auto_bound(model, prompt);
      MESSAGE(file.filename().string(), std::string(exact ? " f32: " : " auto: "), d.text, ", bound ", bound);
      CHECK_MESSAGE(d.relative < bound, d.text);
    }
    if (!exact) check_greedy(*executor, run, model.spec.vocab, 1.0);
    else check_greedy(*executor, run.contains("deqf32") ? dequantised_run(run) : run, model.spec.vocab, 0.01);
  }
}

TEST_CASE("every reference under testdata/models") {
  FABULA_REQUIRE_TESTDATA();
  int found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(*testdata() / "models")) {
    if (!entry.path().filename().string().ends_with(".ref.json")) continue;
    ++found;
    const std::string file = entry.path().filename().string(), stem = file.substr(0, file.find(".ref.json"));
    CAPTURE(stem);
    const OpenedModel model = open_weights(entry.path().parent_path() / (stem + ".gguf"));
    for (const auto precision : {compute::Precision::f32, compute::Precision::automatic})
      check_runs(entry.path(), stem, model, precision);
  }
  MESSAGE(found, " references");
}

}  // namespace
