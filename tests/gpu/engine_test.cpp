// The engine on an emulated GPU: where models are placed, the same words from ranked rows as from whole ones, KV that moves to RAM and
// back, and what happens when the device is lost.
#include <doctest/doctest.h>

#include "core/engine/placement.h"
#include "gpu/cuda_executor.h"
#include "tests/core/compute/random_model.h"
#include "tests/core/engine/engine_harness.h"
#include "tests/core/engine/fake_executor.h"
#include "tests/gpu/emulator/device.h"

namespace {

using namespace fabula;
using namespace fabula::test;
using engine::EngineOptions;
using engine::GenerateRequest;

struct Restored {  // what a test changed
  ~Restored() { gpu::emulated::settings() = {}; }
};

constexpr uint64_t mib = uint64_t{1} << 20;

// Real backends around a model of random numbers with the vocabulary of the fake tokenizer.
struct Setup {
  std::shared_ptr<RandomModel> random = std::make_shared<RandomModel>();
  explicit Setup(int64_t layers = 2) {
    make_random_model({.layers = layers, .hidden = 64, .heads = 4, .head_dim = 16, .ffn = 96, .vocab = fake_vocab}, *random);
    random->spec.context_length = 512;
  }
  engine::Backends backends() const {
    engine::Backends out = engine::real_backends("", {});
    out.open_model = [random = random](const std::filesystem::path&, const std::atomic<bool>*) -> Result<std::shared_ptr<const model::Model>> {
      auto model = std::make_shared<model::Model>(*fake_model(512, "random"));
      model->spec = random->spec;
      model->source = std::shared_ptr<const formats::TensorSource>(random, &random->source);
      return std::shared_ptr<const model::Model>(std::move(model));
    };
    return out;
  }
  EngineOptions options() const {
    EngineOptions out;
    out.backends = backends();
    return out;
  }
};

GenerateRequest request(engine::ModelId model, uint64_t seed, int64_t prompt = 20, int64_t tokens = 12) {
  GenerateRequest out;
  out.model = model;
  out.prompt = random_tokens(prompt, fake_vocab, seed);
  out.max_tokens = tokens;
  out.seed = seed;
  out.ignore_end_tokens = true;
  return out;
}

TEST_CASE("replies from ranked rows are those from whole rows, alternatives too") {
  const Restored restored;
  const Setup setup;
  Harness harness(setup.options());
  const auto model = harness.load({.path = "random", .device = "cuda"});
  const auto info = harness.engine().loaded_or_null(model)->executor;
  CHECK(info.kind == "cuda");
  CHECK(info.gpu_layers == 2);
  for (const float temperature : {0.0f, 0.7f, 1.5f}) {
    CAPTURE(temperature);
    GenerateRequest ranked = request(model, 5);
    ranked.sampler.temperature = temperature;
    ranked.sampler.xtc_probability = temperature > 1 ? 0.5f : 0.0f;
    ranked.top_logprobs = 5;
    GenerateRequest whole = ranked;
    whole.sampler.logit_bias = {{fake_vocab + 7, 1.0f}};  // of no token: only the way is another one
    const auto first = harness.submit(ranked), second = harness.submit(whole);
    const Reply one = harness.wait(first), other = harness.wait(second);
    CHECK(one.tokens == other.tokens);
    for (size_t i = 0; i < one.logprobs.size(); ++i) CHECK(one.logprobs[i] == doctest::Approx(other.logprobs[i]).epsilon(1e-5));
    for (int64_t i = 0; i < 12; ++i) {
      const auto a = harness.consumer().take_alternatives(first, i), b = harness.consumer().take_alternatives(second, i);
      REQUIRE(a.size() == 5);
      for (size_t j = 0; j < 5; ++j) CHECK(a[j].token == b[j].token);
    }
  }
}

TEST_CASE("whoever makes room is told what a load takes of the GPU and of memory") {
  const Restored restored;
  const Setup setup(4);
  std::vector<engine::Room> asked;
  EngineOptions options = setup.options();
  options.make_room = [&asked](const engine::Room& room, const std::atomic<bool>&) { asked.push_back(room); };
  const auto room = [&](uint64_t gpu_memory, const char* device, int64_t layers = -1) {
    gpu::emulated::settings() = {.memory_bytes = gpu_memory};
    Harness harness(options);
    harness.load({.path = "random", .device = device, .gpu_layers = layers});
    return asked.back();
  };
  const engine::Room whole = room(1024 * mib, "auto");
  CHECK(whole.gpu == 0);
  CHECK(whole.gpu_bytes > 384 * mib);
  CHECK(whole.gpu_bytes < 1024 * mib);
  CHECK(whole.ram_bytes == 0);
  CHECK_FALSE(whole.gpu_named);
  CHECK(room(1024 * mib, "cuda").gpu_named);
  const engine::Room on_cpu = room(1024 * mib, "cpu");
  CHECK(on_cpu.gpu == -1);
  CHECK(on_cpu.ram_bytes > 0);
  const engine::Room split = room(1024 * mib, "cuda", 2);
  CHECK(split.gpu == 0);
  CHECK(split.gpu_bytes < whole.gpu_bytes);
  CHECK(split.ram_bytes > 0);
  CHECK(split.ram_bytes < on_cpu.ram_bytes);
  const engine::Room none = room(300 * mib, "auto");
  CHECK(none.gpu == -1);
  CHECK(none.ram_bytes == on_cpu.ram_bytes);
  // What ends in memory because others are on the GPU has its room made there.
  gpu::emulated::settings() = {};
  options.backends.place = [](const model::Model&, int64_t, engine::ModelLoad& load, compute::LoadOptions&) -> Status {
    load.device = "cpu";
    return {};
  };
  asked.clear();
  Harness harness(options);
  harness.load({.path = "random", .device = "auto"});
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].gpu == 0);
  CHECK(asked[0].ram_bytes == 0);
  CHECK(asked[1].gpu == -1);
  CHECK(asked[1].ram_bytes == on_cpu.ram_bytes);
}

TEST_CASE("a named GPU that is not there is an error that says how to go on, auto is not") {
  const Restored restored;
  gpu::emulated::settings().driver = false;
  const Setup setup;
  Harness harness(setup.options());
  const auto refused = harness.engine().load({.path = "random", .device = "cuda"}, harness.consumer());
  harness.wait_until([&] { return !harness.others.empty() && harness.others.back().kind == engine::Event::Kind::load_failed; });
  const Error error = harness.consumer().take_error(refused);
  CHECK(error.code == ErrorCode::no_device);
  CHECK(error.message.find("--device cpu") != std::string::npos);
  CHECK(engine::cpu_can_take_over({.device = "cuda"}, error.code));
  CHECK_FALSE(engine::cpu_can_take_over({.device = "cpu"}, error.code));
  CHECK(harness.engine().loaded_or_null(harness.load({.path = "random"}))->executor.kind == "cpu");
}

TEST_CASE("auto takes as many layers as fit, and the CPU where none does") {
  const Restored restored;
  const Setup setup(4);
  const compute::LoadOptions options{.kv_blocks = 9};
  const auto needed = [&](int64_t layers) {  // of free memory, found by asking
    uint64_t low = 0, high = 1024 * mib;
    while (high - low > 1) {
      const uint64_t middle = (low + high) / 2;
      (*engine::layers_that_fit(setup.random->spec, options, middle) >= layers ? high : low) = middle;
    }
    return high;
  };
  CHECK(needed(1) < needed(2));
  CHECK(needed(3) < needed(4));
  const struct { uint64_t bytes; const char* kind; int64_t layers; } cases[] = {
      {1024 * mib, "cuda", 4}, {(needed(2) + needed(3)) / 2, "cpu + cuda", 2}, {300 * mib, "cpu", 0}};
  for (const auto& c : cases) {
    gpu::emulated::settings() = {.memory_bytes = c.bytes};
    EngineOptions engine_options = setup.options();
    engine_options.prefill_chunk = 64;  // so that a step's buffers are those of `options`
    Harness harness(engine_options);
    const auto loaded = harness.engine().loaded_or_null(harness.load({.path = "random", .context = 512}));
    CHECK(loaded->executor.kind == c.kind);
    CHECK(loaded->executor.gpu_layers == c.layers);
  }
  gpu::emulated::settings() = {.memory_bytes = 300 * mib};
  Harness harness(setup.options());
  const auto refused = harness.engine().load({.path = "random", .device = "cuda"}, harness.consumer());
  harness.wait_until([&] { return !harness.others.empty() && harness.others.back().kind == engine::Event::Kind::load_failed; });
  CHECK(harness.consumer().take_error(refused).code == ErrorCode::out_of_memory);
}

TEST_CASE("a number of layers is taken as it is; replies do not depend on threads or batch-mates there") {
  const Restored restored;
  const Setup setup(4);
  std::vector<int32_t> expected;
  std::string id;
  for (const int64_t layers : {3, 3, 0, 9}) {
    CAPTURE(layers);
    Harness harness(setup.options());
    const auto model = harness.load({.path = "random", .threads = 2, .device = "cuda", .gpu_layers = layers});
    const auto info = harness.engine().loaded_or_null(model)->executor;
    CHECK(info.gpu_layers == std::min<int64_t>(layers, 4));
    if (layers != 3) {
      CHECK(info.numerics_id != id);
      continue;
    }
    id = info.numerics_id;
    const auto mate = harness.submit(request(model, 77));
    const Reply reply = harness.run(request(model, 5));
    harness.wait(mate);
    if (expected.empty()) expected = reply.tokens;
    CHECK(reply.tokens == expected);
  }
}

TEST_CASE("KV that a GPU has no room for moves to RAM and comes back, bit for bit") {
  const Restored restored;
  const Setup setup;
  gpu::emulated::settings().memory_bytes = 512 * mib;
  Harness harness(setup.options());
  const auto model = harness.load({.path = "random", .context = 256, .device = "cuda"});
  const int64_t blocks = harness.engine().metrics().kv_blocks_total;
  REQUIRE(blocks > 0);
  const Reply first = harness.run(request(model, 5, 200));
  CHECK(first.prompt.reused == 0);
  // Strangers push it out of the GPU's memory.
  for (uint64_t seed = 100; seed < 102 + static_cast<uint64_t>(blocks) / 3; ++seed) harness.run(request(model, seed, 200, 1));
  harness.wait_until([&] { return harness.engine().metrics().kv_ram_bytes > 0; });
  const Reply again = harness.run(request(model, 5, 200));
  CHECK(again.prompt.reused == 192);
  CHECK(again.tokens == first.tokens);
  CHECK(again.logprobs == first.logprobs);
}

TEST_CASE("a lost device ends its requests with its own error, is told to everybody, and the CPU goes on") {
  const Restored restored;
  const Setup setup;
  Harness harness(setup.options());
  const auto model = harness.load({.path = "random", .device = "cuda"});
  const auto bystander = harness.engine().make_consumer([] {});
  REQUIRE(harness.run(request(model, 5)).reason == engine::FinishReason::length);
  gpu::emulated::settings().lost = true;
  const auto failed = harness.submit(request(model, 6));
  CHECK(harness.wait(failed).reason == engine::FinishReason::error);
  CHECK(harness.consumer().take_error(failed).code == ErrorCode::device_lost);
  harness.wait_until([&] { return harness.engine().loaded_or_null(model)->lost.has_value(); });
  CHECK(harness.engine().submit(request(model, 7), harness.consumer()).error().code == ErrorCode::device_lost);
  engine::Event event;
  bool told = false;
  while (bystander->poll(event)) told = told || (event.kind == engine::Event::Kind::lost && event.model == model);
  CHECK(told);
  const auto other = harness.load({.path = "random", .device = "cpu"});
  harness.engine().unload(model);
  CHECK(harness.run(request(other, 6)).reason == engine::FinishReason::length);
}

}  // namespace
