// Calls that may block are named to whoever listens on that thread, and to nobody else.
#include "core/base/blocking.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

#include "core/base/file.h"
#include "tests/support/support.h"

using namespace fabula;

namespace {

struct Heard final : BlockingListener {
  std::vector<std::string> calls;
  void may_block(std::string_view kind, std::string_view what) override {
    calls.push_back(std::string(kind) + ": " + std::string(what));
  }
};

}  // namespace

TEST_CASE("reading and writing files is named on the thread that listens, and only while it does") {
  const fabula::test::TemporaryFolder folder;
  const auto path = folder.path() / "a.txt";
  REQUIRE(write_file_atomically(path, "words").ok());
  Heard outer, inner;
  {
    const ListenForBlocking listening(outer);
    REQUIRE(read_file(path, 100).ok());
    REQUIRE_FALSE(outer.calls.empty());
    CHECK(outer.calls.front() == "disk: open " + path.string());
    const size_t n = outer.calls.size();
    std::thread([&] { (void)read_file(path, 100); }).join();
    CHECK(outer.calls.size() == n);
    {
      const ListenForBlocking instead(inner);
      REQUIRE(write_file_atomically(path, "more").ok());
    }
    CHECK(inner.calls == std::vector<std::string>{"disk: write " + path.string()});
    CHECK(outer.calls.size() == n);
    may_block("lock", "one");
    CHECK(outer.calls.back() == "lock: one");
  }
  const size_t n = outer.calls.size();
  REQUIRE(read_file(path, 100).ok());
  CHECK(outer.calls.size() == n);
}
