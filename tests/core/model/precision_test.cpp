// A precision at load against the file that `models quantize` writes in that type.
#include <doctest/doctest.h>

#include <map>

#include "core/formats/gguf.h"
#include "core/model/quantise.h"
#include "tests/core/compute/compute_support.h"
#include "tests/core/compute/random_model.h"
#include "tests/core/model/tiny_folder.h"
#include "tests/support/support.h"

using namespace fabula;
using compute::Precision;
using formats::DType;

namespace {

constexpr std::pair<Precision, DType> types[] = {
    {Precision::f32, DType::f32},   {Precision::f16, DType::f16},   {Precision::bf16, DType::bf16},
    {Precision::q8_0, DType::q8_0}, {Precision::q4_0, DType::q4_0}, {Precision::q4_k, DType::q4_k}};

struct Run {
  std::vector<float> logits;
  std::map<std::string, DType> effective;  // by the tensor's name
};

Run run(const std::filesystem::path& path, Precision precision) {
  const auto model = test::open_weights(path);
  const auto executor = test::load(model.spec, *model.source, {.precision = precision}, {.threads = 2});
  test::Sequence sequence(*executor);
  Run out;
  out.logits = sequence.read(test::random_tokens(30, model.spec.vocab, 3), 0, model.spec.vocab);
  for (const auto& report : executor->info().tensors) out.effective[report.name] = report.effective;
  return out;
}

void write_as(const std::filesystem::path& model, const std::filesystem::path& out, DType type) {
  model::QuantiseOptions options;
  options.type = type;
  const Status status = model::quantise_model(model, out, options);
  REQUIRE_MESSAGE(status.ok(), status.error().message);
}

void check_equal(const std::filesystem::path& model, const std::filesystem::path& folder) {
  for (const auto& [precision, type] : types) {
    FABULA_CAPTURE(formats::dtype_info(type).name);
    const auto written = folder / "written.gguf";
    write_as(model, written, type);
    // F32 and F16 files would go by the rule of `auto`; asking for their own type keeps them as written.
    const Run loaded = run(model, precision);
    const Run file = run(written, formats::is_quantised(type) ? Precision::automatic : precision);
    CHECK(loaded.logits == file.logits);
    std::map<DType, int> ours, theirs;
    for (const auto& entry : loaded.effective) ++ours[entry.second];
    for (const auto& entry : file.effective) ++theirs[entry.second];
    CHECK(ours == theirs);
  }
}

}  // namespace

TEST_CASE("a folder loaded at a precision computes, bit for bit, what the file written in that type does") {
  test::TemporaryFolder temporary;
  for (const bool tied : {true, false}) {
    const auto folder = temporary.path() / (tied ? "tied" : "untied");
    // 512 columns fill blocks of 256; 320 do not: Q4_K falls to Q5_0 in the down projection.
    test::write_tiny_folder(folder, {.ffn = tied ? 512 : 320, .tied = tied});
    check_equal(folder, temporary.path());
  }
}

TEST_CASE("so does a GGUF file, from floats of any type") {
  test::TemporaryFolder temporary;
  const auto folder = temporary.path() / "model";
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    test::write_tiny_folder(folder, {.type = type});
    write_as(folder, temporary.path() / "float.gguf", type);
    check_equal(temporary.path() / "float.gguf", temporary.path());
  }
}

TEST_CASE("each matrix has the type of its tensor in the file") {
  test::TemporaryFolder temporary;
  test::write_tiny_folder(temporary.path() / "model", {});
  write_as(temporary.path() / "model", temporary.path() / "q4_k.gguf", DType::q4_k);
  const auto file = formats::Gguf::open(temporary.path() / "q4_k.gguf");
  REQUIRE(file.ok());
  const Run loaded = run(temporary.path() / "model", Precision::q4_k);
  CHECK(loaded.effective.at("model.layers.0.mlp.down_proj.weight") ==
        (*file)->find_or_null("blk.0.ffn_down.weight")->type);
  CHECK(loaded.effective.at("model.layers.0.mlp.down_proj.weight") == DType::q4_k);
  CHECK(loaded.effective.at("model.embed_tokens.weight") == (*file)->find_or_null("token_embd.weight")->type);
  CHECK(loaded.effective.at("model.embed_tokens.weight") == DType::q6_k);
}
