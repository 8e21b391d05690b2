// Tiny random models of every family from Hugging Face folders, against the logits that transformers computes
// for them (make_transformers_models.py): names, flags, defaults and ropes together.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/model/families.h"
#include "tests/core/compute/compute_support.h"
#include "tests/support/support.h"

using namespace fabula;

namespace {

std::vector<int32_t> read_ids(const std::filesystem::path& path) {
  const std::string bytes = test::read_text(path);
  std::vector<int32_t> ids(bytes.size() / 4);
  std::memcpy(ids.data(), bytes.data(), ids.size() * 4);
  return ids;
}

}  // namespace

TEST_CASE("every family computes what transformers computes") {
  std::set<std::string> seen;
  for (const auto& entry : std::filesystem::directory_iterator(FABULA_TRANSFORMERS_MODELS)) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    seen.insert(name.substr(0, name.find('-')));
    const auto model = test::open_weights(entry.path());
    const auto executor =
        test::load(model.spec, *model.source,
                   {.precision = compute::Precision::f32, .kv_precision = compute::KvPrecision::f32}, {});
    const auto ids = read_ids(entry.path() / "ids.i32");
    const auto expected = test::read_floats(entry.path() / "logits.f32");
    test::Sequence sequence(*executor);
    const auto found = sequence.read(ids, 0, model.spec.vocab);
    REQUIRE(found.size() == expected.size());
    const auto difference = test::compare(found, expected, static_cast<size_t>(model.spec.vocab));
    // f32 against f64: the weights are exact (bf16), what differs is the rounding of sums in a few layers;
    // and transformers computes rope angles and norms in f32 even where the rest is f64.
    CHECK_MESSAGE(difference.relative < 2e-5, difference.relative, " ", difference.text);
  }
  for (const model::Family& family : model::families()) CHECK(seen.contains(std::string(family.name)));
}
