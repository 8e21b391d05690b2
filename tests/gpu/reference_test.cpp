// The device against the CPU's executor on every model under testdata/models: logits, and greedy text up to near-ties.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/gpu/support.h"
#include "tests/support/support.h"

namespace {

namespace fs = std::filesystem;
using namespace fabula;
using namespace fabula::test;

// Both round activations (the CPU to int8 where weights are quantised, the device as well; f16 and bf16 weights meet rounded activations on
// the device only): the bound of precision `auto` in tests/core/compute/reference_test.cpp, twice.
constexpr double logits_bound = 0.1;
constexpr double near_tie = 1.0;  // of the two largest logits, as there

void check_model(const fs::path& path) {
  const OpenedModel model = open_weights(path);
  const auto columns = static_cast<size_t>(model.spec.vocab);
  const compute::LoadOptions options{.kv_precision = compute::KvPrecision::f32};
  const auto cpu = load(model.spec, *model.source, options, {});
  const auto device = load_on_gpu(model.spec, *model.source, options);
  const auto prompt = random_tokens(60, model.spec.vocab, 5);
  Sequence on_cpu(*cpu), on_device(*device);
  std::vector<float> expected = on_cpu.read(prompt, 0, model.spec.vocab);
  const std::vector<float> first = on_device.read(prompt, 0, model.spec.vocab);
  std::vector<float> found = first;
  const Difference d = compare(found, expected, columns);
  CHECK_MESSAGE(d.relative < logits_bound, d.text);
  for (int i = 0; i < 64; ++i) {
    auto row = std::span(expected).last(columns);
    const int32_t next = argmax(row), other = argmax(std::span(found).last(columns));
    if (next != other) {
      CHECK_MESSAGE(row[static_cast<size_t>(next)] - row[static_cast<size_t>(other)] < near_tie, "greedy token ", i);
      break;
    }
    expected = on_cpu.read({&next, 1}, 0, model.spec.vocab);
    found = on_device.read({&next, 1}, 0, model.spec.vocab);
  }
  Sequence again(*device);
  CHECK(again.read(prompt, 1, model.spec.vocab) == first);
}

TEST_CASE("GPU: every model under testdata/models writes as on the CPU") {
  FABULA_REQUIRE_TESTDATA();
  FABULA_REQUIRE_DEVICE();
  for (const auto& entry : fs::recursive_directory_iterator(*testdata() / "models")) {
    const std::string file = entry.path().filename().string();
    if (!file.ends_with(".ref.json")) continue;
    CAPTURE(file);
    check_model(entry.path().parent_path() / (file.substr(0, file.find(".ref.json")) + ".gguf"));
  }
}

}  // namespace
