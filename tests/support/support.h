// What every test needs: the independent test vectors, seeds that are printed, folders that vanish.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace fabula::test {

// FABULA_TESTDATA, or none: the caller says so and skips (FABULA_REQUIRE_TESTDATA does both).
std::optional<std::filesystem::path> testdata();

// The file below FABULA_TESTDATA if it is there. Name of an .xz file without its ending: unpacked once into a temporary folder.
std::optional<std::filesystem::path> testdata_file(std::string_view relative);

// FABULA_SEED, or a new one; printed by main() so that a failure can be repeated.
uint64_t seed();

class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string read_text(const std::filesystem::path& path);  // fails the test where it cannot

}  // namespace fabula::test

#define FABULA_REQUIRE_TESTDATA()                                                       \
  if (!fabula::test::testdata()) {                                                      \
    MESSAGE("skipped: FABULA_TESTDATA does not name the folder of the test vectors");   \
    return;                                                                             \
  }

// CAPTURE for a name of a structured binding: doctest captures in a lambda, and clang 14 captures no such names.
#define FABULA_CAPTURE_AS(alias, name) \
  const auto& alias = name;            \
  INFO(#name " := ", alias)
#define FABULA_CAPTURE_NAMED(line, name) FABULA_CAPTURE_AS(captured_##line, name)
#define FABULA_CAPTURE_LINE(line, name) FABULA_CAPTURE_NAMED(line, name)
#define FABULA_CAPTURE(name) FABULA_CAPTURE_LINE(__LINE__, name)
