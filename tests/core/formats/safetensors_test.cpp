#include "core/formats/safetensors.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/support.h"

using namespace fabula;
using formats::Safetensors;

namespace {

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::string with_header(const std::string& header, size_t data_bytes) {
  uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header + std::string(data_bytes, '\1');
}

std::string one_tensor(const std::string& name) {
  return with_header("{\"" + name + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8);
}

}  // namespace

TEST_CASE("a real folder is opened, its alias for the tied embedding included") {
  FABULA_REQUIRE_TESTDATA();
  const auto model = Safetensors::open(*test::testdata() / "models/tinystories-656k");
  REQUIRE_MESSAGE(model.ok(), model.error().message);
  const auto* head = (*model)->find_or_null("lm_head.weight");
  REQUIRE(head);
  CHECK(head->shape == std::vector<int64_t>{2048, 128});
  CHECK((*model)->find_or_null("model.embed_tokens.weight") == head);
}

TEST_CASE("the reference implementation's malformed files get its verdicts") {
  FABULA_REQUIRE_TESTDATA();
  const auto folder = *test::testdata() / "malformed/safetensors";
  const auto expected = nlohmann::json::parse(test::read_text(folder / "expected.json"));
  int seen = 0;
  for (const auto& [name, entry] : expected.items()) {
    const auto path = test::testdata_file("malformed/safetensors/" + name);
    if (!path) continue;
    ++seen;
    const auto file = Safetensors::open(*path);
    FABULA_CAPTURE(name);
    CAPTURE((file.ok() ? std::string("opened") : file.error().message));
    CHECK(file.ok() == (entry["expect"] == "accept"));
  }
  CHECK(seen > 0);
}

TEST_CASE("an index finds its shards and stays in its folder") {
  test::TemporaryFolder folder;
  const auto root = folder.path() / "model";
  std::filesystem::create_directories(root);
  write(root / "a.safetensors", one_tensor("x"));
  write(root / "b.safetensors", one_tensor("y"));
  write(folder.path() / "outside.safetensors", one_tensor("y"));
  const auto index = root / "model.safetensors.index.json";
  const auto open_with = [&](const std::string& map) {
    write(index, R"({"metadata":{"total_size":16},"weight_map":)" + map + "}");
    return Safetensors::open(root);
  };
  CHECK(open_with(R"({"x":"a.safetensors","y":"b.safetensors"})").ok());
  CHECK_FALSE(open_with(R"({"x":"a.safetensors","y":"a.safetensors"})").ok());
  CHECK_FALSE(open_with(R"({"x":"a.safetensors","z":"b.safetensors"})").ok());
  CHECK_FALSE(open_with(R"({"x":"a.safetensors","y":"../outside.safetensors"})").ok());
  CHECK_FALSE(open_with(R"({"x":"a.safetensors","y":"absent.safetensors"})").ok());
  CHECK_FALSE(open_with(R"({"x":"a.safetensors","y":7})").ok());
  CHECK_FALSE(open_with(R"({"x":"a.safetensors","y":["b.safetensors"]})").ok());
  std::filesystem::create_symlink(folder.path() / "outside.safetensors", root / "link.safetensors");
  CHECK_FALSE(open_with(R"({"x":"a.safetensors","y":"link.safetensors"})").ok());
}

TEST_CASE("the links of a Hugging Face cache are its way of storing") {
  test::TemporaryFolder folder;
  const auto blobs = folder.path() / "models--a--b/blobs",
             snapshot = folder.path() / "models--a--b/snapshots/0123";
  std::filesystem::create_directories(blobs);
  std::filesystem::create_directories(snapshot);
  write(blobs / "cafe", one_tensor("x"));
  std::filesystem::create_symlink("../../blobs/cafe", snapshot / "model.safetensors");
  const auto model = Safetensors::open(snapshot);
  REQUIRE_MESSAGE(model.ok(), model.error().message);
  CHECK((*model)->find_or_null("x") != nullptr);
}
