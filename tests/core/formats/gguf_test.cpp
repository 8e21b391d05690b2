#include "core/formats/gguf.h"

#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/formats/gguf_parser.h"
#include "tests/support/support.h"

using namespace fabula;
using formats::Gguf;

namespace {

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

TEST_CASE("a real file is opened with its metadata and tensors") {
  FABULA_REQUIRE_TESTDATA();
  const auto file = Gguf::open(*test::testdata() / "models/tinystories-656k/TinyStories-656K-Q8_0.gguf");
  REQUIRE_MESSAGE(file.ok(), file.error().message);
  const Gguf& gguf = **file;
  CHECK(gguf.version() == 3);
  CHECK(gguf.tensors().size() == 20);
  const auto* layers = formats::find_or_null(gguf.metadata(), "llama.block_count");
  REQUIRE(layers);
  CHECK(layers->integer_or_none() == 2);
  const auto* tokens = formats::find_or_null(gguf.metadata(), "tokenizer.ggml.tokens");
  REQUIRE(tokens);
  CHECK(tokens->count == 2048);
  CHECK(tokens->text_or_none(2) == "<|end_story|>");
  const auto* embedding = gguf.find_or_null("token_embd.weight");
  REQUIRE(embedding);
  CHECK(embedding->shape == std::vector<int64_t>{2048, 128});
  CHECK(embedding->bytes == 2048 * 136);
  CHECK(gguf.find_or_null("token_embd") == nullptr);
}

TEST_CASE("what is no GGUF file is refused in plain words") {
  test::TemporaryFolder folder;
  CHECK(Gguf::open(folder.path() / "absent.gguf").error().code == ErrorCode::not_found);
  CHECK_FALSE(Gguf::open(folder.path()).ok());
  write(folder.path() / "note.gguf", "Once upon a time there was a little girl.");
  const auto text = Gguf::open(folder.path() / "note.gguf");
  REQUIRE_FALSE(text.ok());
  CHECK(text.error().message.find("\"Once\" instead of \"GGUF\"") != std::string::npos);
  write(folder.path() / "empty.gguf", "");
  CHECK(Gguf::open(folder.path() / "empty.gguf").error().code == ErrorCode::corrupt);
}

TEST_CASE("llama.cpp's own malformed files get its verdicts") {
  FABULA_REQUIRE_TESTDATA();
  const auto folder = *test::testdata() / "malformed/gguf-handcrafted";
  const auto expected = nlohmann::json::parse(test::read_text(folder / "expected.json"));
  int seen = 0;
  for (const auto& [name, entry] : expected.items()) {
    const auto path = test::testdata_file("malformed/gguf-handcrafted/" + name);
    if (!path) continue;
    // The last byte of the padding behind the last tensor is missing, and nothing else: llama.cpp's loader
    // takes such files too.
    if (name == "DATA_NOT_ENOUGH_DATA.gguf") continue;
    ++seen;
    const auto file = File::open(*path);
    REQUIRE(file.ok());
    // Only the DATA files hold the bytes of their tensors; the others are about the header.
    const auto parsed =
        name.starts_with("DATA") ? formats::parse_gguf(*file) : formats::parse_gguf_header(*file);
    FABULA_CAPTURE(name);
    CAPTURE((parsed.ok() ? std::string("accepted") : parsed.error().message));
    CHECK(parsed.ok() == (entry["expect"] == "accept"));
  }
  CHECK(seen > 0);
}
