// The CUDA executor as a whole: every flag of a model against a forward pass in double, and the promise of NUMERICS 8.
#include <doctest/doctest.h>

#include <atomic>
#include <numeric>

#include "tests/core/compute/executor_cases.h"
#include "tests/gpu/support.h"
#include "tests/support/support.h"

namespace {

using namespace fabula;
using namespace fabula::test;
using compute::KvPrecision;
using compute::Precision;
using formats::DType;

constexpr int64_t vocab = 203;

TEST_CASE("GPU: logits equal a forward pass in double") {
  FABULA_REQUIRE_DEVICE();
  check_every_model([](const RandomModel& model, const compute::LoadOptions& options) { return load_on_gpu(model.spec, model.source, options); }, 70);
}

// Relative error of one activation: bf16 keeps 8 bits (2^-9 at most, half of that typical), tf32 11 (f16 weights), int8 per block 0.5 %
// (tests/core/compute/reference_test.cpp). A product averages to the same relative size; a few layers add up to three times that.
TEST_CASE("GPU: every stored type stays within its bound") {
  FABULA_REQUIRE_DEVICE();
  const struct { DType type; double bound; } types[] = {
      {DType::f16, 1e-3}, {DType::bf16, 1.2e-2}, {DType::q8_0, 0.03}, {DType::q4_0, 0.03}, {DType::q4_1, 0.03},
      {DType::q5_0, 0.03}, {DType::q5_1, 0.03},  {DType::q4_k, 0.03}, {DType::q6_k, 0.03}};
  for (const auto& [type, bound] : types) {
    FABULA_CAPTURE(formats::dtype_info(type).name);
    RandomModel model;
    make_random_model({.type = type, .layers = 1, .hidden = 256, .heads = 4, .head_dim = 64, .ffn = 512}, model);
    const auto tokens = random_tokens(40, vocab, 3);
    const auto executor = load_on_gpu(model.spec, model.source, {.kv_precision = KvPrecision::f32});
    for (const auto& report : executor->info().tensors) CHECK(report.effective == report.stored);
    Sequence sequence(*executor);
    const Difference d = compare(sequence.read(tokens, 0, vocab), reference_forward(model.spec, model.source, tokens), vocab);
    CHECK_MESSAGE(d.relative < bound, d.text);
  }
}

TEST_CASE("GPU: KV in f16 and q8_0 stays near KV in f32") {
  FABULA_REQUIRE_DEVICE();
  RandomModel model;
  make_random_model({.head_dim = 40}, model);
  const auto tokens = random_tokens(90, vocab, 5);
  const auto reference = reference_forward(model.spec, model.source, tokens);
  const auto relative = [&](KvPrecision kv) {
    const auto executor = load_on_gpu(model.spec, model.source, {.precision = Precision::f32, .kv_precision = kv});
    Sequence sequence(*executor);
    return compare(sequence.read(tokens, 0, vocab), reference, vocab).relative;
  };
  CHECK(relative(KvPrecision::f16) < 2e-3);
  CHECK(relative(KvPrecision::q8_0) < 1e-2);
}

TEST_CASE("GPU: the same bits one token at a time, in chunks and at once, over splits and windows") {
  FABULA_REQUIRE_DEVICE();
  // 530 positions: more than one split; hidden 512: more than one range of columns.
  const auto tokens = random_tokens(530, 33, 11);
  std::vector<int32_t> blocks(16);
  std::iota(blocks.begin(), blocks.end(), 0);
  const struct { DType type; KvPrecision kv; } types[] = {
      {DType::bf16, KvPrecision::f16}, {DType::q4_k, KvPrecision::f16}, {DType::q8_0, KvPrecision::q8_0}, {DType::f32, KvPrecision::f32}};
  for (const auto& [type, kv] : types) {
    const auto name = formats::dtype_info(type).name;
    CAPTURE(name);
    RandomModel model;
    make_random_model({.type = type, .layers = 2, .hidden = 512, .heads = 2, .kv_heads = 1, .head_dim = 32, .ffn = 32, .vocab = 33, .sliding_window = 100}, model);
    const auto precision = type == DType::f32 ? Precision::f32 : Precision::automatic;
    const auto executor = load_on_gpu(model.spec, model.source, {.precision = precision, .kv_precision = kv, .max_batch_tokens = 576});
    Sequence whole(*executor, blocks);
    const auto expected = whole.read(std::span(tokens), 0, 33);
    // Chunks that are read as few and as many rows; the last ten one by one: recorded steps, splits side by side.
    Sequence parts(*executor, blocks);
    auto found = parts.read(std::span(tokens).first(455), 65, 33);
    const auto chunks = parts.read(std::span(tokens).subspan(455, 65), 9, 33), single = parts.read(std::span(tokens).subspan(520), 1, 33);
    found.insert(found.end(), chunks.begin(), chunks.end());
    found.insert(found.end(), single.begin(), single.end());
    CHECK(same_bits(found, expected));
  }
}

TEST_CASE("GPU: batch-mates and scattered blocks change nothing") {
  FABULA_REQUIRE_DEVICE();
  for (const int64_t experts : {0, 4}) {
    RandomModel model;
    make_random_model({.type = DType::q4_0, .hidden = 128, .heads = 4, .head_dim = 32, .ffn = 128, .experts = experts, .experts_per_token = 2}, model);
    const auto executor = load_on_gpu(model.spec, model.source, {.kv_blocks = 32});
    const auto tokens = random_tokens(80, vocab, 17), others = random_tokens(40, vocab, 19);
    Sequence alone(*executor);
    const auto expected = alone.read(tokens, 0, vocab);
    for (const int64_t chunk : {1, 9, 40}) {
      CAPTURE(chunk);
      const std::vector<int32_t> mine = {17, 3}, first = {9, 20}, second = {30, 4};
      std::vector<float> logits;
      int64_t other = 0;
      for (int64_t at = 0; at < 80; at += chunk) {
        const int64_t n = std::min<int64_t>(chunk, 80 - at), m = std::min<int64_t>(chunk == 1 ? 1 : 5, 40 - other);
        const auto part = std::span(others).subspan(static_cast<size_t>(other), static_cast<size_t>(m));
        const compute::SequenceSlice batch[3] = {
            {part, other, first, compute::LogitRows::none},
            {std::span(tokens).subspan(static_cast<size_t>(at), static_cast<size_t>(n)), at, mine, compute::LogitRows::all},
            {part, other, second, compute::LogitRows::last}};
        REQUIRE(executor->forward(batch, nullptr).ok());
        logits.insert(logits.end(), executor->logits(), executor->logits() + n * vocab);
        other += m;
      }
      CHECK(same_bits(logits, expected));
    }
  }
}

TEST_CASE("GPU: saved and copied blocks go on with the same bits") {
  FABULA_REQUIRE_DEVICE();
  RandomModel model;
  make_random_model({.type = DType::q8_0, .hidden = 128, .heads = 4, .head_dim = 32, .ffn = 128}, model);
  const auto executor = load_on_gpu(model.spec, model.source, {});
  check_moved_blocks(*executor, vocab);
}

TEST_CASE("GPU: an abandoned step ends as cancelled and leaves no trace in the next one") {
  FABULA_REQUIRE_DEVICE();
  RandomModel model;
  make_random_model({}, model);
  const auto executor = load_on_gpu(model.spec, model.source, {});
  const auto tokens = random_tokens(40, vocab, 2);
  Sequence first(*executor);
  const auto expected = first.read(tokens, 0, vocab);
  const std::atomic<bool> abandon{true};
  const std::vector<int32_t> blocks = {0};
  const compute::SequenceSlice slice{tokens, 0, blocks, compute::LogitRows::all};
  const Status status = executor->forward({&slice, 1}, &abandon);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::cancelled);
  Sequence again(*executor);
  CHECK(again.read(tokens, 0, vocab) == expected);
}

TEST_CASE("GPU: steps that make no sense are refused") {
  FABULA_REQUIRE_DEVICE();
  RandomModel model;
  make_random_model({}, model);
  const auto executor = load_on_gpu(model.spec, model.source, {.kv_blocks = 4, .max_batch_tokens = 16});
  check_refused_steps(*executor, vocab);
}

}  // namespace
