#include "tests/support/support.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

namespace fabula::test {

std::optional<std::filesystem::path> testdata() {
  const char* folder = std::getenv("FABULA_TESTDATA");
  if (!folder || !*folder || !std::filesystem::is_directory(folder)) return std::nullopt;
  return std::filesystem::path(folder);
}

std::optional<std::filesystem::path> testdata_file(std::string_view relative) {
  const auto root = testdata();
  if (!root) return std::nullopt;
  const std::filesystem::path plain = *root / relative;
  if (std::filesystem::exists(plain)) return plain;
  const std::filesystem::path packed = plain.string() + ".xz";
  if (!std::filesystem::exists(packed)) return std::nullopt;
  static const TemporaryFolder unpacked;
  const std::filesystem::path out = unpacked.path() / relative;
  if (!std::filesystem::exists(out)) {
    std::filesystem::create_directories(out.parent_path());
    const std::string command = "xz -dc '" + packed.string() + "' > '" + out.string() + "'";
    if (std::system(command.c_str()) != 0) return std::nullopt;
  }
  return out;
}

uint64_t seed() {
  static const uint64_t value = [] {
    if (const char* text = std::getenv("FABULA_SEED")) return static_cast<uint64_t>(std::strtoull(text, nullptr, 10));
    return static_cast<uint64_t>(std::random_device{}());
  }();
  return value;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "fabula-test-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), "cannot open " << path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace fabula::test
