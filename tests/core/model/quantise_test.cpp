// Files that Fabula writes against files that llama.cpp's quantiser wrote from the same weights.
#include "core/model/quantise.h"

#include <doctest/doctest.h>

#include <set>

#include "core/formats/gguf.h"
#include "core/model/gguf_vocabulary.h"
#include "core/model/hf_files.h"
#include "core/model/hf_vocabulary.h"
#include "tests/support/support.h"

using namespace fabula;
using formats::DType;
using formats::Gguf;

namespace {

std::vector<std::byte> bytes_of(const Gguf& file, const formats::TensorInfo& tensor) {
  std::vector<std::byte> bytes(tensor.bytes);
  REQUIRE(file.read(tensor, 0, bytes).ok());
  return bytes;
}

// Every tensor of `theirs` must be in `ours`; those of the same type must be the same bytes. Returns how many
// were.
int compare(const Gguf& ours, const Gguf& theirs, const std::set<std::string>& other_type = {}) {
  CHECK(ours.tensors().size() == theirs.tensors().size());
  int equal = 0;
  for (const auto& tensor : theirs.tensors()) {
    CAPTURE(tensor.name);
    const auto* mine = ours.find_or_null(tensor.name);
    REQUIRE(mine);
    CHECK(mine->shape == tensor.shape);
    if (other_type.contains(tensor.name)) continue;
    CHECK(formats::dtype_info(mine->type).name == formats::dtype_info(tensor.type).name);
    if (mine->type != tensor.type) continue;
    CHECK(bytes_of(ours, *mine) == bytes_of(theirs, tensor));
    ++equal;
  }
  return equal;
}

std::shared_ptr<const Gguf> open(const std::filesystem::path& path) {
  const auto file = Gguf::open(path);
  REQUIRE_MESSAGE(file.ok(), file.error().message);
  return *file;
}

std::shared_ptr<const Gguf> quantised(const std::filesystem::path& model, const std::filesystem::path& out,
                                      DType type) {
  model::QuantiseOptions options;
  options.type = type;
  double last = 0.0;
  options.on_progress = [&](double fraction) {
    CHECK(fraction >= last);
    last = fraction;
  };
  const Status status = model::quantise_model(model, out, options);
  REQUIRE_MESSAGE(status.ok(), status.error().message);
  CHECK(last == 1.0);
  return open(out);
}

}  // namespace

TEST_CASE("a Hugging Face folder becomes the GGUF file that llama.cpp's tools make of it") {
  FABULA_REQUIRE_TESTDATA();
  const auto models = *test::testdata() / "models/tinystories-656k";
  test::TemporaryFolder folder;
  const auto f32 = quantised(models, folder.path() / "f32.gguf", DType::f32);
  CHECK(compare(*f32, *open(models / "generated/TinyStories-656K-F32.gguf")) == 20);
  const auto q8 = quantised(models, folder.path() / "q8.gguf", DType::q8_0);
  CHECK(compare(*q8, *open(models / "TinyStories-656K-Q8_0.gguf")) == 20);
  const auto bf16 = quantised(models, folder.path() / "bf16.gguf", DType::bf16);
  CHECK(compare(*bf16, *open(models / "generated/TinyStories-656K-BF16.gguf")) == 20);
}

TEST_CASE("a GGUF file is quantised as llama.cpp does it, its metadata carried over") {
  FABULA_REQUIRE_TESTDATA();
  const auto models = *test::testdata() / "models/stories260k/generated";
  test::TemporaryFolder folder;
  const auto source = open(models / "stories260K-F32.gguf");
  for (const auto& [type, name] :
       {std::pair{DType::q4_0, "Q4_0"}, {DType::q5_1, "Q5_1"}, {DType::q8_0, "Q8_0"}, {DType::f16, "F16"}}) {
    FABULA_CAPTURE(name);
    const auto ours = quantised(models / "stories260K-F32.gguf", folder.path() / "x.gguf", type);
    CHECK(compare(*ours, *open(models / ("stories260K-" + std::string(name) + ".gguf"))) == 47);
    for (const auto& [key, value] : source->metadata()) {
      if (key == "general.file_type") continue;
      const auto* other = formats::find_or_null(ours->metadata(), key);
      REQUIRE(other);
      CHECK(other->bytes == value.bytes);
    }
  }
}

TEST_CASE("a vocabulary written to GGUF gives the ids of its tokenizer.json") {
  FABULA_REQUIRE_TESTDATA();
  const std::pair<const char*, const char*> rows[] = {{"gpt2", "gpt-2"}, {"llama3.1", "llama-bpe"}};
  for (const auto& [name, pre] : rows) {
    const auto file = test::testdata_file("tokenizers/hf/" + std::string(name) + "/tokenizer.json");
    if (!file) continue;
    FABULA_CAPTURE(name);
    const std::string json = test::read_text(*file);
    const auto reference = text::make_tokenizer_from_hf_json(json, "");
    REQUIRE(reference.ok());
    const auto vocabulary = model::vocabulary_from_hf(json, **reference, (*reference)->vocab_size());
    REQUIRE_MESSAGE(vocabulary.ok(), vocabulary.error().message);
    CHECK(vocabulary->pre == pre);
  }
}

TEST_CASE("what cannot be quantised is refused, and nothing is left behind") {
  FABULA_REQUIRE_TESTDATA();
  const auto models = *test::testdata() / "models/stories260k/generated";
  test::TemporaryFolder folder;
  model::QuantiseOptions options;
  options.type = DType::q8_0;
  const auto twice =
      model::quantise_model(models / "stories260K-Q4_0.gguf", folder.path() / "x.gguf", options);
  REQUIRE_FALSE(twice.ok());
  CHECK(twice.error().message.find("quantised already") != std::string::npos);
  options.type = DType::iq2_xs;
  CHECK_FALSE(model::quantise_model(models / "stories260K-F32.gguf", folder.path() / "x.gguf", options).ok());
  options.type = DType::q8_0;
  for (const char* own : {"own.gguf", "link.gguf"}) {
    const auto source = folder.path() / "own.gguf";
    std::filesystem::copy_file(models / "stories260K-F32.gguf", source);
    std::filesystem::create_hard_link(source, folder.path() / "link.gguf");
    const auto refused = model::quantise_model(source, folder.path() / own, options);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().message.find("the model itself") != std::string::npos);
    std::filesystem::remove(source);
    std::filesystem::remove(folder.path() / "link.gguf");
  }
  const std::atomic<bool> cancel{true};
  options.cancel = &cancel;
  CHECK(model::quantise_model(models / "stories260K-F32.gguf", folder.path() / "x.gguf", options)
            .error()
            .code == ErrorCode::cancelled);
  CHECK(std::filesystem::is_empty(folder.path()));
}
