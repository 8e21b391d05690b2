// The door itself: what a step must not do (allocate), what it must do when abandoned, and how loading fails.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <thread>

#include "tests/core/compute/compute_support.h"
#include "tests/core/compute/executor_cases.h"
#include "tests/core/compute/random_model.h"

namespace {
std::atomic<int64_t> allocations{0};
}

// Counts every allocation of this executable, on any thread.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size ? size : 1)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto step = static_cast<std::size_t>(alignment);
  if (void* p = std::aligned_alloc(step, (size + step - 1) / step * step)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace {

using namespace fabula;
using namespace fabula::test;
using formats::DType;

constexpr int64_t vocab = 203;

TEST_CASE("no allocation on the path of a token") {
  for (const int64_t experts : {0, 4}) {
    RandomModel model;
    make_random_model({.type = DType::q8_0, .head_dim = 32, .experts = experts, .experts_per_token = 2}, model);
    const auto executor = load(model.spec, model.source, {}, {.threads = 2});
    const std::vector<int32_t> blocks = {0, 1, 2, 3, 4, 5, 6, 7};
    const auto prompt = random_tokens(300, vocab, 1);
    executor->set_hot(true);
    int64_t position = 0;
    const auto step = [&](size_t n) {
      const compute::SequenceSlice slice{std::span(prompt).subspan(static_cast<size_t>(position), n), position, blocks, compute::LogitRows::last};
      position += static_cast<int64_t>(n);
      return executor->forward({&slice, 1}, nullptr).ok();
    };
    REQUIRE(step(8));  // the first step calls the workers in
    const int64_t before = allocations.load();
    bool all = step(100);
    for (int i = 0; i < 150; ++i) all = step(1) && all;
    CHECK(all);
    CHECK(allocations.load() == before);
  }
}

TEST_CASE("an abandoned step ends as cancelled and leaves no trace in the next one") {
  RandomModel model;
  make_random_model({}, model);
  const auto executor = load(model.spec, model.source, {}, {.threads = 2});
  const auto tokens = random_tokens(60, vocab, 2);
  Sequence first(*executor);
  const auto expected = first.read(tokens, 0, vocab);
  std::atomic<bool> abandon{true};
  const std::vector<int32_t> blocks = {0};
  const compute::SequenceSlice slice{tokens, 0, blocks, compute::LogitRows::all};
  const Status status = executor->forward({&slice, 1}, &abandon);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::cancelled);
  for (int i = 0; i < 20; ++i) {  // abandoned at some phase in the middle, or just not
    abandon = false;
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::microseconds(50 * i));
      abandon = true;
    });
    const Status ended = executor->forward({&slice, 1}, &abandon);
    other.join();
    CHECK((ended.ok() || ended.error().code == ErrorCode::cancelled));
  }
  Sequence again(*executor);
  CHECK(again.read(tokens, 0, vocab) == expected);
}

TEST_CASE("steps that make no sense are refused") {
  RandomModel model;
  make_random_model({}, model);
  const auto executor = load(model.spec, model.source, {.kv_blocks = 4, .max_batch_tokens = 16}, {.threads = 1});
  check_refused_steps(*executor, vocab);
}

ErrorCode load_error(const RandomModel& model, const compute::LoadOptions& options, const compute::CpuOptions& cpu = {}) {
  const auto executor = compute::make_cpu_executor(model.spec, model.source, options, cpu);
  REQUIRE_FALSE(executor.ok());
  CHECK_FALSE(executor.error().message.empty());
  return executor.error().code;
}

TEST_CASE("loading that cannot work says why") {
  RandomModel model;
  make_random_model({}, model);
  std::atomic<bool> cancel{true};
  CHECK(load_error(model, {.kv_blocks = 4, .cancel = &cancel}) == ErrorCode::cancelled);
  CHECK(load_error(model, {.kv_blocks = int64_t{1} << 36}) == ErrorCode::out_of_memory);
  CHECK(load_error(model, {.kv_blocks = 0}) == ErrorCode::invalid_argument);
  CHECK(load_error(model, {.kv_blocks = 4}, {.isa_override = "sse9"}) == ErrorCode::invalid_argument);
  RandomModel broken;
  make_random_model({}, broken);
  broken.spec.layers[1].down = {};
  CHECK(load_error(broken, {.kv_blocks = 4}) == ErrorCode::unsupported);
  broken.spec.layers[1].down = broken.spec.layers[1].up;
  CHECK(load_error(broken, {.kv_blocks = 4}) == ErrorCode::corrupt);
}

TEST_CASE("progress rises to one, and what was decided for each tensor is told") {
  RandomModel model;
  make_random_model({.type = DType::f32}, model);
  double last = 0;
  bool rising = true;
  compute::LoadOptions options{.kv_blocks = 2};
  options.on_progress = [&](double fraction) {
    rising = rising && fraction >= last;
    last = fraction;
  };
  const auto executor = load(model.spec, model.source, options, {});
  CHECK(rising);
  CHECK(last == doctest::Approx(1.0));
  for (const auto& report : executor->info().tensors) {  // normal weights lose 2^-11 / sqrt(3) each at most
    CHECK(report.effective == DType::f16);
    CHECK(report.relative_error > 0);
    CHECK(report.relative_error < 5e-4);
  }
}

TEST_CASE("a tensor that f16 cannot hold stays f32") {
  std::mt19937_64 random(1);
  for (const double scale : {1e6, 1e-7}) {  // overflow; subnormal in f16: far more than 5e-4 lost
    RandomModel model;
    make_random_model({}, model);
    model.spec.layers[0].up.tensor = model.source.add("up again", {160, 96}, DType::f32, scale, 0, random);
    const auto executor = load(model.spec, model.source, {.kv_blocks = 2}, {});
    for (const auto& report : executor->info().tensors) {
      if (report.name != "up again") continue;
      CHECK(report.effective == DType::f32);
      CHECK(report.relative_error == 0.0);
      CHECK((report.f16_overflow_share > 0.5) == (scale > 1));
      CHECK((report.f16_flushed_share > 0) == (scale < 1));
    }
  }
}

TEST_CASE("numerics_id changes with what changes bits, and with nothing else") {
  RandomModel model;
  make_random_model({}, model);
  const auto id = [&](compute::LoadOptions options, compute::CpuOptions cpu) { return load(model.spec, model.source, options, cpu)->info().numerics_id; };
  const std::string plain = id({}, {.threads = 1});
  CHECK(plain == id({.kv_blocks = 9}, {.threads = 2, .isa_override = "scalar"}));
  CHECK(plain != id({.precision = compute::Precision::f32}, {}));
  CHECK(plain != id({.kv_precision = compute::KvPrecision::f32}, {}));
}

}  // namespace
