// Damaged and hostile files: a clear error or a model, never a crash, never much memory. Verdicts are
// llama.cpp's.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "core/formats/safetensors.h"
#include "core/model/gguf_hyperparameters.h"
#include "core/model/gguf_vocabulary.h"
#include "core/model/spec_builder.h"
#include "tests/support/heap_meter.h"
#include "tests/support/memory_file.h"
#include "tests/support/support.h"

using namespace fabula;

namespace {

// All that opening a GGUF model reads, but for its template and its fingerprint.
Status open_all(const std::string& path) {
  FABULA_ASSIGN(const auto file, formats::Gguf::open(path));
  const auto* architecture = formats::find_or_null(file->metadata(), "general.architecture");
  const auto* family =
      architecture ? model::find_family_by_gguf_or_null(architecture->text_or_none().value_or("")) : nullptr;
  if (!family) return Error{ErrorCode::unsupported, "the architecture is not known"};
  FABULA_ASSIGN(const auto hyper, model::read_gguf_hyperparameters(*file, *family));
  FABULA_ASSIGN(const auto spec, model::build_spec(hyper, *family, model::Convention::gguf, *file));
  FABULA_ASSIGN(auto vocabulary, model::read_gguf_vocabulary(file->metadata()));
  FABULA_ASSIGN(const auto tokenizer, text::make_tokenizer_from_vocab(std::move(vocabulary)));
  if (tokenizer->vocab_size() != spec.vocab)
    return Error{ErrorCode::corrupt, "the vocabulary and the embedding differ in size"};
  return {};
}

Status open_metered(const std::string& bytes) {
  const test::MemoryFile file(bytes);
  const test::HeapMeter meter;
  const Status status = open_all(file.path());
  if (test::HeapMeter::is_available()) CHECK(meter.peak_bytes() <= 2 * bytes.size() + (size_t{64} << 20));
  return status;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string edited(std::string bytes, const nlohmann::json& entry) {
  for (const auto& edit : entry["edits"]) {
    const std::string patch = from_hex(edit[1].get<std::string>());
    bytes.replace(edit[0].get<size_t>(), patch.size(), patch);
  }
  if (!entry["truncate"].is_null()) bytes.resize(std::min(bytes.size(), entry["truncate"].get<size_t>()));
  return bytes + from_hex(entry["append"].get<std::string>());
}

bool full_length() {
  return std::getenv("FABULA_FULL") != nullptr;
}

}  // namespace

TEST_CASE("what llama.cpp refuses of a patched file is refused") {
  FABULA_REQUIRE_TESTDATA();
  const auto base = test::testdata_file("models/stories260k/generated/stories260K-Q4_0.gguf");
  const auto list = test::testdata_file("malformed/gguf-edits.json");
  if (!base || !list) return;
  const std::string bytes = test::read_text(*base);
  const auto cases = nlohmann::json::parse(test::read_text(*list))["cases"];
  int refused = 0, opened = 0;
  for (const auto& entry : cases) {
    const std::string name = entry["name"], verdict = entry["llama.cpp"];
    const Status status = open_metered(edited(bytes, entry));
    CAPTURE(name);
    CAPTURE(entry.value("message", ""));
    if (verdict == "rejects") CHECK_FALSE(status.ok());
    if (name == "identity") CHECK(status.ok());
    ++(status.ok() ? opened : refused);
    if (!status.ok()) CHECK_FALSE(status.error().message.empty());
  }
  MESSAGE(refused << " refused, " << opened << " opened");
  CHECK(refused > 300);
}

TEST_CASE("a file of llama.cpp's fuzzers gives an error or a model") {
  FABULA_REQUIRE_TESTDATA();
  int seen = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(*test::testdata() / "malformed/gguf-fuzz-corpus")) {
    (void)open_metered(test::read_text(entry.path())).ok();
    ++seen;
  }
  CHECK(seen > 0);
}

TEST_CASE("a GGUF file cut anywhere is refused, but for the padding at its end") {
  FABULA_REQUIRE_TESTDATA();
  const auto base = test::testdata_file("models/stories260k/generated/stories260K-Q4_0.gguf");
  if (!base) return;
  const std::string bytes = test::read_text(*base);
  const auto whole = formats::Gguf::open(*base);
  REQUIRE(whole.ok());
  const auto& last = (*whole)->tensors().back();
  const uint64_t needed = last.offset + last.bytes;
  // Every byte of the header; of the tensors every byte in full runs, a prime step otherwise.
  test::MemoryFile file(bytes);
  size_t wrong = 0;
  for (size_t size = bytes.size(); size-- > 0;) {
    if (size > (*whole)->data_begin() && size < needed && size % 97 != 0 && !full_length()) continue;
    file.cut(size);
    if (formats::Gguf::open(file.path()).ok() != (size >= needed)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a safetensors file cut anywhere is refused") {
  const std::string header =
      R"({"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("y":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}})";
  const uint64_t size = header.size();
  const std::string bytes =
      std::string(reinterpret_cast<const char*>(&size), 8) + header + std::string(32, 'w');
  test::MemoryFile file(bytes);
  CHECK(formats::Safetensors::open(file.path()).ok());
  for (size_t cut = bytes.size(); cut-- > 0;) {
    file.cut(cut);
    CHECK_FALSE(formats::Safetensors::open(file.path()).ok());
  }
}

TEST_CASE("an index cut anywhere is refused, but for the space at its end") {
  test::TemporaryFolder folder;
  const auto shard = [&](const std::string& name, const std::string& tensor) {
    const std::string header = "{\"" + tensor + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    const uint64_t size = header.size();
    std::ofstream(folder.path() / name, std::ios::binary)
        << std::string(reinterpret_cast<const char*>(&size), 8) << header << std::string(8, 'w');
  };
  shard("a.safetensors", "x");
  shard("b.safetensors", "y");
  const std::string index = R"({"metadata":{"total_size":16},"weight_map":{"x":"a.safetensors","y":"b.safetensors"}})";
  const auto path = folder.path() / "model.safetensors.index.json";
  for (size_t size = 0; size <= index.size(); ++size) {
    std::ofstream(path, std::ios::trunc) << index.substr(0, size);
    CHECK(formats::Safetensors::open(path).ok() == (size == index.size()));
  }
  std::ofstream(path, std::ios::trunc) << index << "\n ";
  const auto whole = formats::Safetensors::open(path);
  REQUIRE(whole.ok());
  CHECK((*whole)->tensors().size() == 2);
}

TEST_CASE("headers that promise the world cost nothing") {
  const auto gguf_with = [](uint64_t tensors, uint64_t keys, const std::string& rest) {
    std::string bytes = "GGUF";
    const uint32_t version = 3;
    bytes.append(reinterpret_cast<const char*>(&version), 4);
    bytes.append(reinterpret_cast<const char*>(&tensors), 8);
    bytes.append(reinterpret_cast<const char*>(&keys), 8);
    return bytes + rest;
  };
  CHECK_FALSE(open_metered(gguf_with(uint64_t{1} << 40, 0, "")).ok());
  CHECK_FALSE(open_metered(gguf_with(0, uint64_t{1} << 40, "")).ok());
  // One key with an array of 2^60 empty texts; then a megabyte of keys of one byte each.
  const std::string array_key("\1\0\0\0\0\0\0\0k\11\0\0\0\10\0\0\0\0\0\0\0\0\0\0\20", 25);
  CHECK_FALSE(open_metered(gguf_with(0, 1, array_key)).ok());
  std::string keys;
  for (uint32_t i = 0; i < 60000; ++i) {
    const uint64_t length = 4;
    keys.append(reinterpret_cast<const char*>(&length), 8).append(reinterpret_cast<const char*>(&i), 4);
    keys.append(std::string("\0\0\0\0\1", 5));
  }
  CHECK_FALSE(open_metered(gguf_with(0, 60000, keys)).ok());
}
