// What fit() says before loading, against what loading then takes.
#include "core/engine/fit.h"

#include <doctest/doctest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "core/base/memory_info.h"
#include "core/model/shapes.h"
#include "tests/support/sanitized.h"
#include "tests/support/support.h"

using namespace fabula;

namespace {

constexpr int64_t contexts[] = {512, 4096, 32768};

uint64_t status_bytes(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return std::strtoull(line.c_str() + key.size(), nullptr, 10) * 1024;
  return 0;
}

// Loads as the engine would, uses every page, and compares with the plan: the executor's own account exactly, the
// system's within 3 % and what buffers lose to their alignment (three of 2 MiB).
void check_against_loading(const model::Model& model, int64_t context) {
  static bool warm = false;  // the first load of all also starts TBB's workers, whose stacks are none of the model's
  if (!std::exchange(warm, true)) {
    mallopt(M_MMAP_THRESHOLD, 128 << 10);  // and keeps it: what was freed goes back to the system, not to the next load
    check_against_loading(model, 64);
  }
  engine::ModelLoad load;
  load.context = context;
  const auto planned = engine::fit(model, load, {}, {});
  REQUIRE_MESSAGE(planned.ok(), planned.error().message);
  CHECK(planned->context == context);
  engine::EngineOptions alone;
  alone.kv_ram_bytes = 1;
  const auto options = engine::load_options_for(alone, load, model.spec, context, 0);
  const uint64_t data = status_bytes("VmData:"), resident = status_bytes("VmRSS:");
  const auto executor = compute::make_cpu_executor(model.spec, *model.source, options, {.threads = 1});
  REQUIRE_MESSAGE(executor.ok(), executor.error().message);
  const compute::ExecutorInfo& info = (*executor)->info();
  CHECK(planned->memory.weight_bytes == info.weight_bytes);
  CHECK(planned->memory.weight_bytes_per_token == info.weight_bytes_per_token);
  CHECK(planned->memory.kv_block_bytes == info.kv_block_bytes);
  CHECK(planned->memory.scratch_bytes == info.scratch_bytes);
  CHECK(planned->memory.kv_bytes == info.kv_block_bytes * static_cast<uint64_t>(options.kv_blocks));
  std::vector<std::byte> block(info.kv_block_bytes, std::byte{1});
  for (int64_t b = 0; b < options.kv_blocks; ++b) REQUIRE((*executor)->write_block(static_cast<int32_t>(b), block).ok());
  if (test::is_sanitized) return;  // the system would tell the sanitizer's memory, too
  const auto expected = static_cast<double>(planned->memory.total());
  const double slack = 0.03 * expected + 3 * (2 << 20) + (1 << 20);
  const auto taken = static_cast<double>(status_bytes("VmData:")) - static_cast<double>(data);
  CAPTURE(expected);
  if (context > 64) CHECK(std::abs(taken - expected) < slack);
  // Of the buffers of a step only what a step used is resident; weights and KV are all there.
  const auto touched = static_cast<double>(status_bytes("VmRSS:") - resident);
  CHECK(touched > 0.97 * (expected - static_cast<double>(planned->memory.scratch_bytes)) - (4 << 20));
  CHECK(touched < expected + slack);
}

std::shared_ptr<const model::Model> of_shape(const char* shape, formats::DType type) {
  auto made = model::make_synthetic_model(shape, type);
  REQUIRE(made.ok());
  auto model = std::make_shared<model::Model>();
  model->spec = made->spec;
  model->source = made->source;
  model->spec.context_length = std::max<int64_t>(model->spec.context_length, 32768);
  return model;
}

}  // namespace

TEST_CASE("fit is what loading takes, for every model of the test data") {
  FABULA_REQUIRE_TESTDATA();
  int models = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(*test::testdata() / "models")) {
    const bool folder = entry.path().filename() == "config.json";
    if (entry.path().extension() != ".gguf" && !folder) continue;
    CAPTURE(entry.path().string());
    const auto opened = model::open_model(entry.path(), {.fingerprint = false});
    REQUIRE(opened.ok());
    model::Model model = **opened;
    model.spec.context_length = 32768;
    for (const int64_t context : contexts) check_against_loading(model, context);
    ++models;
  }
  CHECK(models > 20);
}

TEST_CASE("fit is what loading takes, for the sizes of real models") {
  const auto small = of_shape("smollm2-135m", formats::DType::q8_0);
  for (const int64_t context : {int64_t{512}, int64_t{4096}}) check_against_loading(*small, context);
  if (test::is_sanitized || available_memory_bytes() < uint64_t{4} << 30) return;
  const auto large = of_shape("llama-3.2-1b", formats::DType::q4_0);
  for (const int64_t context : contexts) check_against_loading(*large, context);
}

TEST_CASE("too little memory is said, with something that works instead") {
  const auto model = of_shape("llama-3.2-1b", formats::DType::bf16);
  engine::ModelLoad load;
  load.context = 32768;
  const auto generous = engine::fit(*model, load, {}, {.available_bytes = uint64_t{16} << 30, .read_bytes_per_second = 40e9});
  REQUIRE(generous.ok());
  CHECK(generous->fits);
  const auto bytes = static_cast<double>(generous->memory.weight_bytes + 16384 * generous->memory.kv_bytes_per_token);
  CHECK(generous->tokens_per_second == doctest::Approx(0.85 * 40e9 / bytes).epsilon(0.01));
  const engine::Machine small{.available_bytes = uint64_t{3} << 30};
  CHECK_FALSE(engine::fit(*model, load, {}, small)->fits);
  const auto shorter = engine::nearest_fit(*model, load, {}, small);
  REQUIRE(shorter.has_value());
  CHECK(shorter->fits);
  CHECK(shorter->context < 32768);
  CHECK(shorter->precision == compute::Precision::automatic);
  const auto smaller = engine::nearest_fit(*model, load, {}, {.available_bytes = 1500000000});
  REQUIRE(smaller.has_value());
  CHECK(smaller->precision != compute::Precision::automatic);
  CHECK_FALSE(engine::nearest_fit(*model, load, {}, {.available_bytes = 100000000}).has_value());

  const auto table = engine::fit_table(*model, load, {}, small);
  CHECK(table.size() >= 9);
  for (size_t i = 1; i < table.size(); ++i)
    if (table[i].precision == table[i - 1].precision) CHECK(table[i].memory.total() > table[i - 1].memory.total());
  load.context = 1 << 30;
  CHECK_FALSE(engine::fit(*model, load, {}, small).ok());
}

TEST_CASE("free memory is known here") {
  const uint64_t available = available_memory_bytes();
  CHECK(available > 0);
  CHECK(available < uint64_t{1} << 50);
}
