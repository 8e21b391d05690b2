// What only the emulated device can show: forgotten barriers, other orders of threads, memory that runs out, a device that goes away.
#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <vector>

#include "gpu/cuda_executor.h"
#include "gpu/device/intrinsics.h"
#include "tests/gpu/emulator/device.h"
#include "tests/gpu/support.h"

namespace {

using namespace fabula;
using namespace fabula::test;
using gpu::emulated::Order;

struct Restored {  // what a test changed
  ~Restored() { gpu::emulated::settings() = {}; }
};

constexpr Order orders[] = {Order::forward, Order::backward, Order::shuffled};

// Every thread gives its number to its neighbour in another warp.
void exchange(bool with_barrier, unsigned* out) {
  auto* const shared = reinterpret_cast<unsigned*>(gpu::shared_memory());
  shared[gpu::thread_index()] = gpu::thread_index();
  if (with_barrier) gpu::sync_block();
  out[gpu::thread_index()] = shared[(gpu::thread_index() + 32) % 64];
}

TEST_CASE("a forgotten barrier shows in the order of threads, a kept one hides it") {
  for (const bool with_barrier : {true, false}) {
    std::vector<std::vector<unsigned>> found;
    for (const Order order : orders) {
      std::vector<unsigned> out(64);
      gpu::emulated::run_grid({1, 1, 1}, 64, 256, order, [&] { exchange(with_barrier, out.data()); });
      found.push_back(out);
    }
    CHECK((found[0] == found[1]) == with_barrier);
    CHECK((found[0] == found[2]) == with_barrier);
  }
}

TEST_CASE("warps exchange values, blocks know their place") {
  std::vector<int> sums(2 * 3);
  gpu::emulated::run_grid({2, 3, 1}, 32, 0, Order::shuffled, [&] {
    const int sum = gpu::warp_sum(static_cast<int>(gpu::lane_index() + 100 * gpu::block_x() + 1000 * gpu::block_y()));
    if (gpu::lane_index() == 7) sums[gpu::block_y() * 2 + gpu::block_x()] = sum;
  });
  CHECK(sums == std::vector<int>{496, 3696, 32496, 35696, 64496, 67696});
}

RandomModelOptions small(formats::DType type) {
  return {.type = type, .hidden = 128, .heads = 4, .kv_heads = 2, .head_dim = 32, .ffn = 128, .sliding_window = 40, .experts = 4, .experts_per_token = 2};
}

TEST_CASE("the order of threads changes no bit of a step") {
  const Restored restored;
  for (const auto type : {formats::DType::bf16, formats::DType::q4_0}) {
    RandomModel model;
    make_random_model(small(type), model);
    const auto tokens = random_tokens(70, 203, 31);
    std::vector<float> expected;
    for (const Order order : orders) {
      gpu::emulated::settings().order = order;
      const auto executor = load_on_gpu(model.spec, model.source, {.kv_precision = compute::KvPrecision::q8_0});
      Sequence sequence(*executor);
      auto logits = sequence.read(std::span(tokens).first(67), 0, 203);
      const auto rest = sequence.read(std::span(tokens).last(3), 1, 203);
      logits.insert(logits.end(), rest.begin(), rest.end());
      if (expected.empty()) expected = logits;
      CHECK(std::memcmp(logits.data(), expected.data(), logits.size() * 4) == 0);
    }
  }
}

TEST_CASE("decode runs a step once, records it once and replays it") {
  const Restored restored;
  RandomModel model;
  make_random_model({}, model);
  const auto executor = load_on_gpu(model.spec, model.source, {});
  Sequence sequence(*executor);
  sequence.read(random_tokens(10, 203, 1), 1, 203);
  CHECK(gpu::emulated::settings().replays == 9);
}

// The emulated clock counts launches: every one of a step belongs to one kind of work.
TEST_CASE("where the time of a step goes is told by kind, and the device's own time grows with every step") {
  const Restored restored;
  RandomModel model;
  make_random_model(small(formats::DType::bf16), model);
  const auto executor = load_on_gpu(model.spec, model.source, {});
  CHECK(executor->profile().empty());
  const auto tokens = random_tokens(12, 203, 1);
  Sequence sequence(*executor);
  sequence.read(std::span(tokens).first(10), 0, 203);
  const double busy = executor->busy_seconds()[0];
  CHECK(busy > 0);
  executor->set_profiling(true);
  const uint64_t before = gpu::emulated::settings().launches;
  sequence.read(std::span(tokens).last(2), 1, 203);
  const double launches = static_cast<double>(gpu::emulated::settings().launches - before);
  double seconds = 0;
  std::vector<std::string> names;
  for (const compute::PhaseTime& phase : executor->profile()) {
    seconds += phase.seconds;
    names.emplace_back(phase.name);
    CHECK(phase.shards % 2 == 0);  // two steps
  }
  CHECK(seconds == doctest::Approx(launches * 1e-6));
  CHECK(names == std::vector<std::string>{"embed", "norm", "qkv", "rope+kv", "attention", "pack", "o", "route", "gate+up", "down", "head"});
  CHECK(executor->busy_seconds()[0] == doctest::Approx(busy + launches * 1e-6));
}

TEST_CASE("no driver, too little memory and a lost device are errors with a name") {
  const Restored restored;
  RandomModel model;
  make_random_model({}, model);
  const auto error = [&](const compute::LoadOptions& options, int device = 0) {
    const auto executor = gpu::make_cuda_executor(model.spec, model.source, options, {device});
    REQUIRE_FALSE(executor.ok());
    return executor.error();
  };
  CHECK(error({.kv_blocks = 4}, 3).code == ErrorCode::no_device);
  CHECK(error({.kv_blocks = 0}).code == ErrorCode::invalid_argument);
  const Error no_room = error({.kv_blocks = int64_t{1} << 24});
  CHECK(no_room.code == ErrorCode::out_of_memory);
  CHECK(no_room.message.find("The KV cache") != std::string::npos);
  const auto executor = load_on_gpu(model.spec, model.source, {});
  gpu::emulated::settings().lost = true;
  const std::vector<int32_t> tokens = {1}, blocks = {0};
  const compute::SequenceSlice slice{tokens, 0, blocks, compute::LogitRows::last};
  const Status status = executor->forward({&slice, 1}, nullptr);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::device_lost);
  gpu::emulated::settings() = {.driver = false};
  CHECK(error({.kv_blocks = 4}).code == ErrorCode::no_device);
  CHECK_FALSE(gpu::choose_device("auto").value().on_gpu);
  CHECK(gpu::choose_device("cuda").error().code == ErrorCode::no_device);
}

TEST_CASE("names of devices") {
  CHECK_FALSE(gpu::choose_device("cpu").value().on_gpu);
  CHECK(gpu::choose_device("auto").value().on_gpu);
  CHECK(gpu::choose_device("cuda").value().index == 0);
  CHECK(gpu::choose_device("cuda:0").value().on_gpu);
  CHECK(gpu::choose_device("cuda:1").error().code == ErrorCode::no_device);
  for (const char* wrong : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x"}) {
    CAPTURE(wrong);
    CHECK(gpu::choose_device(wrong).error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("conversions are told, and a tensor that f16 cannot hold stays f32") {
  RandomModel model;
  make_random_model({.layers = 1}, model);
  std::mt19937_64 random(1);
  model.spec.layers[0].up.tensor = model.source.add("up again", {160, 96}, formats::DType::f32, 1e6, 0, random);
  const auto executor = load_on_gpu(model.spec, model.source, {.kv_blocks = 2});
  for (const auto& report : executor->info().tensors) {
    CHECK(report.stored == formats::DType::f32);
    const bool kept = report.name == "up again";
    CHECK(report.effective == (kept ? formats::DType::f32 : formats::DType::f16));
    CHECK((report.relative_error > 0) != kept);
  }
}

}  // namespace
