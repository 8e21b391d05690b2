// Tiny random models of every family from Hugging Face folders, against the logits that transformers computes
// for them (make_transformers_models.py): names, flags, defaults and ropes together.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "core/formats/gguf.h"
#include "core/formats/gguf_writer.h"
#include "core/model/families.h"
#include "core/model/quantise.h"
#include "tests/core/compute/compute_support.h"
#include "tests/core/model/tiny_folder.h"
#include "tests/support/support.h"

using namespace fabula;

namespace {

std::vector<int32_t> read_ids(const std::filesystem::path& path) {
  const std::string bytes = test::read_text(path);
  std::vector<int32_t> ids(bytes.size() / 4);
  std::memcpy(ids.data(), bytes.data(), ids.size() * 4);
  return ids;
}

// `which`: "" or "-long". The context is as long as the prompt: ropes that look at lengths see what
// transformers does.
double relative_error(const std::filesystem::path& path, const std::filesystem::path& expectations,
                      const std::string& which = "") {
  const auto model = test::open_weights(path);
  const auto ids = read_ids(expectations / ("ids" + which + ".i32"));
  const auto executor = test::load(model.spec, *model.source,
                                   {.precision = compute::Precision::f32,
                                    .kv_precision = compute::KvPrecision::f32,
                                    .context = static_cast<int64_t>(ids.size())},
                                   {});
  const auto expected = test::read_floats(expectations / ("logits" + which + ".f32"));
  test::Sequence sequence(*executor);
  const auto found = sequence.read(ids, 0, model.spec.vocab);
  REQUIRE(found.size() == expected.size());
  return test::compare(found, expected, static_cast<size_t>(model.spec.vocab)).relative;
}

}  // namespace

TEST_CASE("every family computes what transformers computes") {
  std::set<std::string> seen;
  for (const auto& entry : std::filesystem::directory_iterator(FABULA_TRANSFORMERS_MODELS)) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    seen.insert(name.substr(0, name.find('-')));
    // f32 against f64: the weights are exact (bf16), what differs is the rounding of sums in a few layers;
    // and transformers computes rope angles and norms in f32 even where the rest is f64.
    CHECK(relative_error(entry.path(), entry.path()) < 2e-5);
    if (std::filesystem::exists(entry.path() / "ids-long.i32"))
      CHECK(relative_error(entry.path(), entry.path(), "-long") < 2e-5);
  }
  for (const model::Family& family : model::families()) CHECK(seen.contains(std::string(family.name)));
}

TEST_CASE("every family written to GGUF computes the same, or is refused where GGUF cannot say it") {
  // llama.cpp derives the attention scale of gemma2 and gemma3 from the number of layers, and has no list of
  // qwen2's windows.
  const std::map<std::string, std::string> inexpressible = {{"gemma2", "the attention scale"},
                                                            {"gemma3_text", "the attention scale"},
                                                            {"gemma3-vision", "the attention scale"},
                                                            {"llama-dynamic", "the rope"},
                                                            {"qwen2", "the sliding window of layer 0"}};
  test::TemporaryFolder folder;
  for (const auto& entry : std::filesystem::directory_iterator(FABULA_TRANSFORMERS_MODELS)) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    const auto copy = folder.path() / name, gguf = folder.path() / (name + ".gguf");
    std::filesystem::copy(entry.path(), copy);
    std::ofstream(copy / "tokenizer.json") << test::tiny_tokenizer();
    const Status status = model::quantise_model(copy, gguf, {.type = formats::DType::f32});
    if (const auto reason = inexpressible.find(name); reason != inexpressible.end()) {
      REQUIRE_FALSE(status.ok());
      CHECK(status.error().message.find(reason->second) != std::string::npos);
      CHECK_FALSE(std::filesystem::exists(gguf));
      continue;
    }
    REQUIRE_MESSAGE(status.ok(), status.error().message);
    CHECK(relative_error(gguf, entry.path()) < 2e-5);
  }
}

TEST_CASE("a mixtral file from before experts were stacked computes the same") {
  test::TemporaryFolder folder;
  const auto reference = std::filesystem::path(FABULA_TRANSFORMERS_MODELS) / "mixtral";
  std::filesystem::copy(reference, folder.path() / "model");
  std::ofstream(folder.path() / "model/tokenizer.json") << test::tiny_tokenizer();
  REQUIRE(model::quantise_model(folder.path() / "model", folder.path() / "stacked.gguf",
                                {.type = formats::DType::f32})
              .ok());
  const auto stacked = formats::Gguf::open(folder.path() / "stacked.gguf");
  REQUIRE(stacked.ok());
  formats::GgufWriter writer;
  for (const auto& [key, value] : (*stacked)->metadata()) writer.set(key, value);
  std::string data;
  for (const formats::TensorInfo& tensor : (*stacked)->tensors()) {
    const size_t begin = data.size();
    data.resize(begin + tensor.bytes);
    REQUIRE((*stacked)->read(tensor, 0, std::as_writable_bytes(std::span(data).subspan(begin))).ok());
    const size_t at = tensor.name.find("_exps.weight");
    if (at == std::string::npos) {
      writer.add_tensor(tensor.name, tensor.type, tensor.shape);
      continue;
    }
    for (int64_t e = 0; e < tensor.shape[0]; ++e)
      writer.add_tensor(tensor.name.substr(0, at) + "." + std::to_string(e) + ".weight", tensor.type,
                        {tensor.shape[1], tensor.shape[2]});
  }
  REQUIRE(writer.begin(folder.path() / "separate.gguf").ok());
  REQUIRE(writer.write(std::as_bytes(std::span(data))).ok());
  REQUIRE(writer.finish().ok());
  CHECK(relative_error(folder.path() / "separate.gguf", reference) < 2e-5);
}
