#include "core/model/fingerprint.h"

#include <doctest/doctest.h>

#include <fstream>
#include <vector>

#include "core/base/hash.h"
#include "tests/support/support.h"

using namespace fabula;

namespace {

std::string fingerprint_of(const std::filesystem::path& path, std::string_view header,
                           const std::filesystem::path& memory = {}) {
  std::vector<File> files;
  auto file = File::open(path);
  REQUIRE(file.ok());
  files.push_back(std::move(*file));
  const auto fingerprint = model::model_fingerprint(files, header, {.memory_folder = memory});
  REQUIRE_MESSAGE(fingerprint.ok(), fingerprint.error().message);
  return *fingerprint;
}

}  // namespace

TEST_CASE("a fingerprint is the hash tree that the header describes") {
  test::TemporaryFolder folder;
  const std::string bytes(100, 'w'), header = "{}";
  std::ofstream(folder.path() / "x", std::ios::binary) << bytes;
  Sha256 piece, tree;
  piece.update(bytes);
  const Sha256Digest digest = piece.finish();
  tree.update("fabula model 1\n");
  tree.update_value(uint64_t{2});
  tree.update(header);
  tree.update_value(uint64_t{100});
  tree.update(digest.data(), digest.size());
  CHECK(fingerprint_of(folder.path() / "x", header) == to_hex(tree.finish()));
  CHECK(fingerprint_of(folder.path() / "x", "") != fingerprint_of(folder.path() / "x", header));
}

TEST_CASE("the fingerprint of a large file is remembered until the file changes") {
  test::TemporaryFolder folder;
  const auto large = folder.path() / "large", memory = folder.path() / "memory";
  std::ofstream(large, std::ios::binary) << "beginning";
  std::filesystem::resize_file(large, uint64_t{257} << 20);  // sparse: takes no room
  const std::string first = fingerprint_of(large, "", memory);
  CHECK(first == fingerprint_of(large, ""));
  REQUIRE(std::distance(std::filesystem::directory_iterator(memory), {}) == 1);
  const auto note = std::filesystem::directory_iterator(memory)->path();
  const std::string other(64, 'a');
  std::ofstream(note, std::ios::binary | std::ios::trunc) << other;
  CHECK(fingerprint_of(large, "", memory) == other);  // it was not read again
  std::ofstream(note, std::ios::binary | std::ios::trunc) << "damaged";
  CHECK(fingerprint_of(large, "", memory) == first);
  std::filesystem::last_write_time(large, std::filesystem::last_write_time(large) + std::chrono::seconds(1));
  CHECK(fingerprint_of(large, "", memory) == first);
  CHECK(std::distance(std::filesystem::directory_iterator(memory), {}) == 2);
}
