// The promise of NUMERICS 8: the same bits whatever threads, chunks, batch-mates, blocks and instruction set.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/compute/cpu/isa.h"
#include "tests/core/compute/compute_support.h"
#include "tests/core/compute/executor_cases.h"
#include "tests/core/compute/random_model.h"

namespace {

using namespace fabula;
using namespace fabula::test;
using formats::DType;

// Every type with kernels of its own.
constexpr DType types[] = {
#define FABULA_PANEL(symbol, quantised, quant_bytes, meta_blocks, meta_bytes) DType::symbol,
#include "core/compute/cpu/panel_types.inc"
#undef FABULA_PANEL
};
constexpr int64_t vocab = 203;

RandomModelOptions options_for(DType type) {
  return {.type = type, .hidden = 256, .heads = 8, .kv_heads = 2, .head_dim = 32, .ffn = 256, .sliding_window = 100};
}

std::unique_ptr<compute::Executor> load_as(const RandomModel& model, DType type, compute::KvPrecision kv, const compute::CpuOptions& cpu) {
  const auto precision = type == DType::f32 ? compute::Precision::f32 : compute::Precision::automatic;
  return load(model.spec, model.source, {.precision = precision, .kv_precision = kv, .kv_blocks = 32, .max_batch_tokens = 640}, cpu);
}

TEST_CASE("threads and chunks") {
  // 600 positions: more than one KV split; 12 tokens beyond: remainders of every tile.
  const auto tokens = random_tokens(612, vocab, 11);
  std::vector<int32_t> blocks(32);
  std::iota(blocks.begin(), blocks.end(), 0);
  for (const DType type : types) {
    CAPTURE(formats::dtype_info(type).name);
    RandomModel model;
    make_random_model(options_for(type), model);
    const auto kv = type == DType::q8_0 ? compute::KvPrecision::q8_0 : type == DType::f32 ? compute::KvPrecision::f32 : compute::KvPrecision::f16;
    const auto executor = load_as(model, type, kv, {.threads = 1});
    Sequence whole(*executor, blocks);
    const auto expected = whole.read(tokens, 0, vocab);
    const std::vector<int64_t> chunks_of[] = {{512, 23, 4, 1}, {0, 64, 1}, {512, 8, 7}, {0, 23, 1}};  // 0: all at once
    for (const int threads : {1, 2, 3, 4}) {
      executor->set_threads(threads);
      executor->set_hot(true);
      for (const int64_t chunk : chunks_of[threads - 1]) {
        CAPTURE(threads);
        CAPTURE(chunk);
        Sequence sequence(*executor, blocks);
        CHECK(same_bits(sequence.read(tokens, chunk, vocab), expected));
      }
      executor->set_hot(false);
    }
  }
}

TEST_CASE("the same bits in steps in which all workers took part") {
  RandomModel model;
  make_random_model({.hidden = 512, .heads = 8, .kv_heads = 8, .head_dim = 64, .ffn = 1024, .vocab = 4096}, model);
  const auto executor = load_as(model, DType::f32, compute::KvPrecision::f16, {.threads = 1});
  const auto tokens = random_tokens(128, 4096, 1);
  Sequence alone(*executor);
  const auto expected = alone.read(tokens, 0, 4096);
  for (const int threads : {2, 3, 4}) {
    executor->set_threads(threads);
    executor->set_hot(true);
    int most = 0;
    for (int step = 0; step < 200 && most < threads; ++step) {  // a loaded machine may keep a worker away for a step, not for 200
      Sequence sequence(*executor);
      CHECK(same_bits(sequence.read(tokens, 0, 4096), expected));
      most = std::max(most, sequence.least_workers());
    }
    CHECK(most == threads);
  }
}

TEST_CASE("instruction sets") {
  const auto tokens = random_tokens(83, vocab, 13);
  for (const DType type : types) {
    RandomModel model;
    make_random_model(options_for(type), model);
    for (const auto kv : {compute::KvPrecision::f32, compute::KvPrecision::f16, compute::KvPrecision::q8_0}) {
      std::vector<float> expected;
      for (const compute::cpu::Isa& isa : compute::cpu::isa_list()) {
        if (!isa.supported) continue;
        CAPTURE(isa.name);
        CAPTURE(formats::dtype_info(type).name);
        const auto executor = load_as(model, type, kv, {.threads = 1, .isa_override = std::string(isa.name)});
        CHECK(executor->info().isa == isa.name);
        Sequence sequence(*executor);
        auto logits = sequence.read(tokens, 30, vocab);
        if (expected.empty()) expected = std::move(logits);
        else CHECK(same_bits(logits, expected));
      }
    }
  }
}

TEST_CASE("batch-mates and blocks") {
  for (const DType type : {DType::f16, DType::q4_1}) {
    RandomModel model;
    make_random_model(options_for(type), model);
    const auto executor = load_as(model, type, compute::KvPrecision::f16, {.threads = 2});
    const auto tokens = random_tokens(101, vocab, 17), others = random_tokens(90, vocab, 19);
    Sequence alone(*executor);
    const auto expected = alone.read(tokens, 0, vocab);
    // The same tokens among two strangers, in scattered blocks, for shapes of M = 1, 4, 8, 23, 64 of its own rows a step.
    for (const int64_t chunk : {1, 4, 8, 23, 64}) {
      CAPTURE(chunk);
      const std::vector<int32_t> mine = {17, 3}, first = {9, 20}, second = {30, 4};
      std::vector<float> logits;
      int64_t other = 0;
      for (int64_t at = 0; at < 101; at += chunk) {
        const int64_t n = std::min<int64_t>(chunk, 101 - at), m = std::min<int64_t>(5, 90 - other);
        const compute::SequenceSlice batch[3] = {
            {std::span(others).subspan(static_cast<size_t>(other), static_cast<size_t>(m)), other, first, compute::LogitRows::none},
            {std::span(tokens).subspan(static_cast<size_t>(at), static_cast<size_t>(n)), at, mine, compute::LogitRows::all},
            {std::span(others).subspan(static_cast<size_t>(other), static_cast<size_t>(m)), other, second, compute::LogitRows::last}};
        REQUIRE(executor->forward(batch, nullptr).ok());
        logits.insert(logits.end(), executor->logits(), executor->logits() + n * vocab);
        other += m;
      }
      CHECK(same_bits(logits, expected));
    }
  }
}

TEST_CASE("rows that nobody wants change nothing for those that somebody wants, nor for what comes after") {
  for (const int64_t experts : {0, 4}) {
    RandomModel model;
    RandomModelOptions options = options_for(DType::q8_0);
    options.experts = experts;
    options.experts_per_token = 2;
    make_random_model(options, model);
    const auto executor = load_as(model, DType::q8_0, compute::KvPrecision::f16, {.threads = 2});
    const auto tokens = random_tokens(150, vocab, 29), others = random_tokens(150, vocab, 31);
    const auto alone = [&](const std::vector<int32_t>& which, std::vector<int32_t> blocks) {
      Sequence sequence(*executor, std::move(blocks));
      return sequence.read(which, 0, vocab);
    };
    const std::vector<float> expected = alone(tokens, {0, 1, 2}), expected_other = alone(others, {3, 4, 5});
    const auto row = [](const std::vector<float>& logits, int64_t at) { return logits.data() + at * vocab; };
    const auto same = [&](const float* found, const float* wanted, int64_t n) {
      return std::memcmp(found, wanted, static_cast<size_t>(n * vocab) * sizeof(float)) == 0;
    };
    const std::vector<int32_t> blocks[3] = {{6, 7, 8}, {9, 10, 11}, {12, 13, 14}};
    const auto part = [](const std::vector<int32_t>& all, size_t from, size_t n) { return std::span(all).subspan(from, n); };
    using compute::LogitRows;
    const compute::SequenceSlice nobody[2] = {{part(tokens, 0, 70), 0, blocks[0], LogitRows::none}, {part(others, 0, 33), 0, blocks[1], LogitRows::none}};
    REQUIRE(executor->forward(nobody, nullptr).ok());
    const compute::SequenceSlice some[3] = {{part(tokens, 70, 41), 70, blocks[0], LogitRows::last},
                                            {part(others, 33, 9), 33, blocks[1], LogitRows::none},
                                            {part(others, 0, 25), 0, blocks[2], LogitRows::all}};
    REQUIRE(executor->forward(some, nullptr).ok());
    CHECK(same(executor->logits(), row(expected, 110), 1));
    CHECK(same(executor->logits() + vocab, row(expected_other, 0), 25));
    const compute::SequenceSlice rest[3] = {{part(tokens, 111, 1), 111, blocks[0], LogitRows::none},
                                            {part(others, 42, 60), 42, blocks[1], LogitRows::last},
                                            {part(others, 25, 1), 25, blocks[2], LogitRows::last}};
    REQUIRE(executor->forward(rest, nullptr).ok());
    CHECK(same(executor->logits(), row(expected_other, 101), 1));
    CHECK(same(executor->logits() + vocab, row(expected_other, 25), 1));
    const compute::SequenceSlice last{part(tokens, 112, 38), 112, blocks[0], LogitRows::all};
    REQUIRE(executor->forward({&last, 1}, nullptr).ok());
    CHECK(same(executor->logits(), row(expected, 112), 38));
  }
}

TEST_CASE("saved and copied blocks go on with the same bits") {
  RandomModel model;
  make_random_model(options_for(DType::q8_0), model);
  const auto executor = load_as(model, DType::q8_0, compute::KvPrecision::f16, {.threads = 1});
  check_moved_blocks(*executor, vocab);
}

}  // namespace
