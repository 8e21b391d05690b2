#include <doctest/doctest.h>

#include <array>
#include <filesystem>

#include "core/base/file.h"
#include "tests/support/support.h"

using namespace fabula;

TEST_CASE("files are written whole and read with bounds") {
  test::TemporaryFolder folder;
  const auto path = folder.path() / "note.txt";
  REQUIRE(write_file_atomically(path, "one").ok());
  REQUIRE(write_file_atomically(path, "two!").ok());
  CHECK(*read_file(path, 100) == "two!");
  CHECK(read_file(path, 3).error().code == ErrorCode::corrupt);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);

  const auto file = File::open(path);
  REQUIRE(file.ok());
  std::array<std::byte, 2> two{};
  CHECK(file->read_at(2, two).ok());
  CHECK(static_cast<char>(two[1]) == '!');
  CHECK(file->read_at(3, two).error().code == ErrorCode::corrupt);
}

TEST_CASE("secrets are readable by their owner alone, also where everybody could read the file before") {
  test::TemporaryFolder folder;
  const auto path = folder.path() / "key";
  const auto rights = [&] { return std::filesystem::status(path).permissions() & std::filesystem::perms::all; };
  using std::filesystem::perms;
  REQUIRE(write_file_atomically(path, "open").ok());
  CHECK(rights() == (perms::owner_read | perms::owner_write | perms::group_read | perms::others_read));
  REQUIRE(write_file_atomically(path, "secret", Readable::by_owner).ok());
  CHECK(rights() == (perms::owner_read | perms::owner_write));
  CHECK(*read_file(path, 100) == "secret");
}

TEST_CASE("what is no regular file is refused in plain words") {
  test::TemporaryFolder folder;
  CHECK(File::open(folder.path() / "absent").error().code == ErrorCode::not_found);
  CHECK(File::open(folder.path()).error().code == ErrorCode::invalid_argument);
  CHECK_FALSE(File::open("/dev/null").ok());
  CHECK_FALSE(write_file_atomically(folder.path() / "absent" / "x", "y").ok());
}
