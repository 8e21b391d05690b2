// Loading with a conversion: what each type makes of the weights, and the copies that are kept of it.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "core/base/file.h"
#include "core/compute/precision_report.h"
#include "tests/core/compute/compute_support.h"
#include "tests/core/compute/random_model.h"
#include "tests/support/sanitized.h"
#include "tests/support/support.h"

namespace {

using namespace fabula;
using namespace fabula::test;
using compute::LoadOptions;
using compute::MatrixRef;
using compute::Precision;
using formats::DType;
namespace fs = std::filesystem;

constexpr int64_t vocab = 203;

// Matrices of 256 and of 160 columns: the second do not fill a block of Q4_K.
void make_model(RandomModel& model) {
  make_random_model({.hidden = 256, .heads = 8, .head_dim = 32, .ffn = 160, .experts = 3, .experts_per_token = 2}, model);
}

struct Run {
  std::vector<float> logits;
  bool from_cache = false;
  std::vector<compute::TensorReport> tensors;
};

Run run(const RandomModel& model, const LoadOptions& options) {
  const auto executor = load(model.spec, model.source, options, {.threads = 2});
  Sequence sequence(*executor);
  return {sequence.read(random_tokens(20, vocab, 5), 0, vocab), executor->info().weights_from_cache, executor->info().tensors};
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) files.push_back(entry.path());
  return files;
}

TEST_CASE("q4_K falls to the stated types where it must, and tells") {
  RandomModel model;
  make_model(model);
  std::map<std::string, DType> found;
  for (const auto& report : run(model, {.precision = Precision::q4_k}).tensors) {
    found[report.name] = report.effective;
    if (report.effective != DType::f32) CHECK(report.relative_error > 0.001);
    CHECK(report.relative_error < 0.1);
  }
  const auto count = [&](DType type) {
    return std::count_if(found.begin(), found.end(), [&](const auto& entry) { return entry.second == type; });
  };
  CHECK(count(DType::f32) == 2);   // the routers
  CHECK(count(DType::q6_k) == 1);  // embedding and output in one
  CHECK(count(DType::q4_k) == 8);  // qkv, o, gate and up of two layers
  CHECK(count(DType::q5_0) == 2);  // the experts' down matrices, stacked: 160 columns
  CHECK(found.size() == 13);
}

TEST_CASE("the report without loading says what loading says") {
  RandomModel model;
  make_model(model);
  for (const Precision precision : {Precision::automatic, Precision::q4_k, Precision::bf16}) {
    const auto loaded = run(model, {.precision = precision}).tensors;
    const auto told = compute::report_precision(model.spec, model.source, precision);
    REQUIRE(told.ok());
    REQUIRE(told->size() == loaded.size());
    for (size_t i = 0; i < loaded.size(); ++i) {
      CHECK((*told)[i].name == loaded[i].name);
      CHECK((*told)[i].effective == loaded[i].effective);
      CHECK((*told)[i].relative_error == loaded[i].relative_error);
      CHECK((*told)[i].surveyed);
      CHECK((*told)[i].max_abs > (*told)[i].min_abs);
      CHECK((*told)[i].min_abs > 0);
    }
  }
  const std::atomic<bool> cancel{true};
  CHECK(compute::report_precision(model.spec, model.source, Precision::q4_k, &cancel).error().code == ErrorCode::cancelled);
}

struct CacheFixture {
  TemporaryFolder temporary;
  RandomModel model;
  fs::path folder = temporary.path() / "packed";
  CacheFixture() { make_model(model); }
  LoadOptions options(Precision precision = Precision::q4_k, std::string fingerprint = "first") const {
    return {.precision = precision, .packed_folder = folder.string(), .model_fingerprint = std::move(fingerprint)};
  }
};

TEST_CASE_FIXTURE(CacheFixture, "the second load of a conversion reads the copy of the first, bit for bit") {
  for (const Precision precision : {Precision::q4_k, Precision::q4_0, Precision::q8_0}) {
    const Run first = run(model, options(precision)), second = run(model, options(precision));
    CHECK_FALSE(first.from_cache);
    CHECK(second.from_cache);
    CHECK(first.logits == second.logits);
    for (size_t i = 0; i < first.tensors.size(); ++i) CHECK(first.tensors[i].relative_error == second.tensors[i].relative_error);
    CHECK_FALSE(run(model, options(precision, "other")).from_cache);
  }
  CHECK(files_in(folder).size() == 6);
  for (const fs::path& file : files_in(folder)) CHECK((fs::status(file).permissions() & fs::perms(077)) == fs::perms::none);
}

TEST_CASE_FIXTURE(CacheFixture, "nothing is kept where a copy would not pay, or nobody wants it") {
  for (const Precision precision : {Precision::automatic, Precision::f32, Precision::f16, Precision::bf16}) run(model, options(precision));
  run(model, options(Precision::q4_k, ""));
  CHECK(files_in(folder).empty());
}

TEST_CASE_FIXTURE(CacheFixture, "a copy that is damaged, cut, grown or foreign is deleted and made anew") {
  const Run expected = run(model, options());
  REQUIRE(files_in(folder).size() == 1);
  const fs::path file = files_in(folder)[0];
  const std::string whole = read_text(file);
  const auto check = [&](const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    const Run again = run(model, options());
    CHECK_FALSE(again.from_cache);
    CHECK(again.logits == expected.logits);
    CHECK(read_text(file) == whole);  // written anew
  };
  for (const size_t at : {size_t{0}, size_t{9}, size_t{20}, size_t{40}, size_t{58}, size_t{70}, whole.size() / 2, whole.size() - 1}) {
    CAPTURE(at);
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 16);
    check(damaged);
  }
  for (const size_t size : {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{4096}, whole.size() - 1}) {
    CAPTURE(size);
    check(whole.substr(0, size));
  }
  check(whole + "x");
  check("this was never ours");
  // The whole copy of other weights under this name.
  run(model, options(Precision::q4_k, "other"));
  for (const fs::path& other : files_in(folder))
    if (other != file) check(read_text(other));
}

TEST_CASE_FIXTURE(CacheFixture, "the folder stays under its cap; what was longest not used goes first") {
  run(model, options(Precision::q4_k, "a"));
  const uint64_t one = fs::file_size(files_in(folder)[0]);
  LoadOptions capped = options();
  capped.packed_folder_bytes = 2 * one + one / 2;
  const auto hit = [&](const char* fingerprint) {
    capped.model_fingerprint = fingerprint;
    return run(model, capped).from_cache;
  };
  CHECK_FALSE(hit("b"));
  CHECK(hit("a"));  // used again: b is the older now
  CHECK_FALSE(hit("c"));
  CHECK(files_in(folder).size() == 2);
  CHECK(hit("a"));
  CHECK(hit("c"));
  CHECK_FALSE(hit("b"));
  capped.packed_folder_bytes = one / 2;  // a copy that can never fit removes nothing
  CHECK_FALSE(hit("d"));
  CHECK(files_in(folder).size() == 2);
}

TEST_CASE_FIXTURE(CacheFixture, "a folder that cannot be made or written costs nothing but the copy") {
  std::ofstream(folder) << "a file in the way";
  const Run first = run(model, options()), second = run(model, options());
  CHECK_FALSE(second.from_cache);
  CHECK(first.logits == second.logits);
}

TEST_CASE_FIXTURE(CacheFixture, "a cancelled load keeps the copy") {
  run(model, options());
  std::atomic<bool> cancel{true};
  LoadOptions cancelled = options();
  cancelled.cancel = &cancel;
  cancelled.kv_blocks = 4;
  const auto executor = compute::make_cpu_executor(model.spec, model.source, cancelled, {});
  REQUIRE_FALSE(executor.ok());
  CHECK(executor.error().code == ErrorCode::cancelled);
  CHECK(run(model, options()).from_cache);
}

TEST_CASE("f16 weights do not make f16 of the activations: products far beyond its range stay exact") {
  RandomModel model;
  make_random_model({.type = DType::f16}, model);
  std::mt19937_64 random(3);
  // Gate and up of about 3e4 each (normed inputs, 96 columns): what goes into down is about 1e9, and f16 ends at 65504.
  for (size_t i = 0; i < model.spec.layers.size(); ++i)
    for (MatrixRef* ref : {&model.spec.layers[i].gate, &model.spec.layers[i].up})
      ref->tensor = model.source.add("large " + std::to_string(i) + (ref == &model.spec.layers[i].up ? " up" : " gate"), {160, 96}, DType::f16,
                                     3000, 0, random);
  const auto tokens = random_tokens(20, vocab, 5);
  const auto executor = load(model.spec, model.source, {.kv_precision = compute::KvPrecision::f32}, {.threads = 2});
  for (const auto& report : executor->info().tensors) CHECK(report.effective == DType::f16);
  Sequence sequence(*executor);
  const Difference difference = compare(sequence.read(tokens, 0, vocab), reference_forward(model.spec, model.source, tokens), vocab);
  CAPTURE(difference.text);
  CHECK(difference.relative < 1e-5);
}

// "VmHWM" and the like, in bytes.
uint64_t memory_of_process(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    uint64_t kilobytes = 0;
    if (word == key + ":" && file >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

TEST_CASE("loading holds the result and no more than two of the largest tensors besides, and keeps the result alone") {
  RandomModel model;
  make_random_model({.hidden = 512, .heads = 8, .head_dim = 64, .ffn = 1024, .vocab = 8000, .tied = false}, model);
  constexpr uint64_t largest = uint64_t{8000} * 512 * 4;
  for (const Precision precision : {Precision::automatic, Precision::bf16, Precision::q8_0, Precision::q4_k}) {
    CAPTURE(compute::precision_name(precision));
    std::ofstream reset("/proc/self/clear_refs");
    if (fabula::test::is_sanitized || !(reset << "5" << std::flush)) {
      MESSAGE("skipped: the peak cannot be set back here, or is a sanitizer's");
      return;
    }
    const uint64_t before = memory_of_process("VmRSS");
    const auto executor = load(model.spec, model.source, {.precision = precision, .kv_blocks = 4, .max_batch_tokens = 8}, {.threads = 2});
    const auto& info = executor->info();
    const uint64_t others = 4 * info.kv_block_bytes + info.scratch_bytes;
    const uint64_t peak = memory_of_process("VmHWM") - before, resident = memory_of_process("VmRSS") - before;
    CHECK(peak < info.weight_bytes + others + 2 * largest);
    CHECK(static_cast<double>(resident) <= 1.1 * static_cast<double>(info.weight_bytes) + static_cast<double>(others) + 64e6);
  }
}

}  // namespace
