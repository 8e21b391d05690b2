// Every flag of a model against a forward pass in double.
#include <doctest/doctest.h>

#include "tests/core/compute/compute_support.h"
#include "tests/core/compute/executor_cases.h"
#include "tests/core/compute/random_model.h"
#include "tests/support/support.h"

namespace {

using namespace fabula;
using namespace fabula::test;
using formats::DType;

TEST_CASE("logits equal a forward pass in double") {
  check_every_model([](const RandomModel& model, const compute::LoadOptions& options) { return load(model.spec, model.source, options, {}); }, 90);
}

// The same arithmetic in double: int8 inputs, exact products, so that only sums in f32 differ: 1e-6. An input that lies that near to
// the middle between two steps may fall to either side, one in some thousands; a step is 1/127 of the largest entry of its block,
// 2 % of a usual one, and what comes after it in the layer and at later tokens may fall to another side in turn. So tokens without
// such a flip agree to 1e-5, and all together far below the rounding itself. With many layers one flip leads to so many others that
// nothing but the size of the noise can be compared (below).
TEST_CASE("one layer of quantised weights gives what the same arithmetic gives in double") {
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0, DType::q4_k, DType::q6_k}) {
    CAPTURE(formats::dtype_info(type).name);
    RandomModel model;
    make_random_model({.type = type, .layers = 1, .hidden = 256, .heads = 8, .head_dim = 32, .ffn = 512}, model);
    const auto tokens = random_tokens(70, 203, 3);
    const auto executor = load(model.spec, model.source, {.kv_precision = compute::KvPrecision::f32}, {});
    for (const auto& report : executor->info().tensors) CHECK(report.effective == report.stored);
    Sequence sequence(*executor);
    const auto logits = sequence.read(tokens, 0, 203);
    const auto expected = reference_forward(model.spec, model.source, tokens, Inputs::int8);
    const Difference d = compare(logits, expected, 203);
    MESSAGE(formats::dtype_info(type).name, " against int8 in double: ", d.relative);
    CHECK_MESSAGE(d.relative < 2e-3, d.text);
    size_t without_flip = 0;
    for (size_t t = 0; t < tokens.size(); ++t)
      without_flip += compare(std::span(logits).subspan(t * 203, 203), std::span(expected).subspan(t * 203, 203), 203).relative < 1e-5;
    CHECK(without_flip > 0);
    const Difference rounding = compare(logits, reference_forward(model.spec, model.source, tokens), 203);
    MESSAGE(formats::dtype_info(type).name, " against exact inputs: ", rounding.relative);
    CHECK_MESSAGE(rounding.relative > 3 * d.relative, "no rounding of activations at all?");
  }
}

// With more layers the engine's rounding and the double's are two draws of one noise: equally large, and that large apart.
TEST_CASE("several layers of quantised weights are as far from exact inputs as the same arithmetic in double") {
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q4_1}) {
    CAPTURE(formats::dtype_info(type).name);
    RandomModel model;
    make_random_model({.type = type, .layers = 6, .heads = 4, .head_dim = 32, .ffn = 192}, model);
    const auto tokens = random_tokens(70, 203, 3);
    const auto executor = load(model.spec, model.source, {.kv_precision = compute::KvPrecision::f32}, {});
    Sequence sequence(*executor);
    const auto logits = sequence.read(tokens, 0, 203);
    const double noise = int8_noise(model.spec, model.source, tokens);
    const Difference d = compare(logits, reference_forward(model.spec, model.source, tokens), 203);
    MESSAGE(formats::dtype_info(type).name, ": ", d.relative, ", in double ", noise);
    CHECK_MESSAGE(d.relative < 1.3 * noise, d.text);
    CHECK_MESSAGE(d.relative > noise / 1.3, d.text);
  }
}

TEST_CASE("KV in f16 and q8_0 stays near KV in f32") {
  RandomModel model;
  make_random_model({.head_dim = 40}, model);
  const auto tokens = random_tokens(150, 203, 5);
  const auto reference = reference_forward(model.spec, model.source, tokens);
  const auto relative = [&](compute::KvPrecision kv) {
    const auto executor = load(model.spec, model.source, {.precision = compute::Precision::f32, .kv_precision = kv}, {});
    Sequence sequence(*executor);
    return compare(sequence.read(tokens, 0, 203), reference, 203).relative;
  };
  CHECK(relative(compute::KvPrecision::f16) < 1e-3);   // 2^-11 per entry
  CHECK(relative(compute::KvPrecision::q8_0) < 1e-2);  // 0.5 % per entry, averaged
}

TEST_CASE("TinyStories-656K from safetensors: 300 positions to 1e-4, 200 greedy tokens equal") {
  FABULA_REQUIRE_TESTDATA();
  const OpenedModel model = open_weights(*testdata() / "models" / "tinystories-656k");
  const auto columns = static_cast<size_t>(model.spec.vocab);
  const auto executor = load(model.spec, *model.source, {.kv_precision = compute::KvPrecision::f32}, {});
  const auto tokens = random_tokens(300, model.spec.vocab, 29);
  Sequence sequence(*executor);
  const Difference d = compare(sequence.read(tokens, 0, model.spec.vocab), reference_forward(model.spec, *model.source, tokens), columns);
  CHECK_MESSAGE(d.relative < 1e-4, d.text);

  const std::vector<int32_t> prompt = {1, 80, 147, 201, 282, 215, 286, 704, 905};  // Once upon a time, there was a little boy named Tim.
  std::vector<double> gaps;
  const auto expected = reference_greedy(model.spec, *model.source, prompt, 200, gaps);
  Sequence writer(*executor);
  std::vector<float> logits = writer.read(prompt, 0, model.spec.vocab);
  for (size_t i = 0; i < 200; ++i) {
    const int32_t next = argmax(std::span(logits).last(columns));
    CAPTURE(i);
    CAPTURE(gaps[i]);
    REQUIRE(next == expected[prompt.size() + i]);
    logits = writer.read({&next, 1}, 0, model.spec.vocab);
  }
}

}  // namespace
