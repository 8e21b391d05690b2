#include "core/hub/desk.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "core/base/clock.h"
#include "tests/core/hub/hub_support.h"
#include "tests/support/support.h"

using namespace fabula;
using State = hub::Download::State;

namespace {

struct Window {
  test::LoopbackHub server;
  test::TemporaryFolder folder;
  Places places = places_below(folder.path());
  Window() {
    ::setenv("HF_ENDPOINT", server.access().endpoint.c_str(), 1);
    ::setenv("HOME", folder.path().c_str(), 1);
    ::unsetenv("HF_TOKEN");
  }
  ~Window() { ::unsetenv("HF_ENDPOINT"); }
};

template <class Condition>
bool wait_for(const hub::Desk& desk, const Condition& condition) {
  for (const double end = monotonic_seconds() + 30; monotonic_seconds() < end;) {
    if (condition(*desk.snapshot())) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

const hub::Download* find(const hub::DeskSnapshot& s, const std::string& name) {
  const auto at = std::ranges::find(s.downloads, name, &hub::Download::name);
  return at == s.downloads.end() ? nullptr : &*at;
}

}  // namespace

TEST_CASE("a desk searches, looks, fetches, pauses, goes on after a restart, and forgets") {
  const Window window;
  const std::string name = "good/Tiny-GGUF:Q8_0";
  {
    hub::Desk desk({.places = window.places});
    desk.search("fold");
    desk.search("tiny");
    CHECK(wait_for(desk, [](const hub::DeskSnapshot& s) { return !s.searching && s.words == "tiny" && s.found.size() == 1; }));
    desk.look("good/Tiny-GGUF");
    CHECK(wait_for(desk, [](const hub::DeskSnapshot& s) { return s.looks.size() == 1 && s.looks[0].done; }));
    const hub::Look look = desk.snapshot()->looks[0];
    CHECK(look.licence == "apache-2.0");
    CHECK(look.offers.size() == 3);
    CHECK(look.folder_bytes == 5 * 1048576 + 123);
    desk.look("no/Such");
    CHECK(wait_for(desk, [](const hub::DeskSnapshot& s) { return s.looks.size() == 2 && !s.looks[1].error.empty(); }));

    window.server.behave({{"bytes_per_second", 3 << 20}});
    desk.download(name);
    desk.download("good/Tiny-GGUF");
    CHECK(wait_for(desk, [&](const hub::DeskSnapshot& s) { return find(s, name)->bytes_done > 5000000; }));
    CHECK(find(*desk.snapshot(), "good/Tiny-GGUF")->state == State::waiting);
    desk.pause("good/Tiny-GGUF");
    desk.pause(name);
    CHECK(wait_for(desk, [&](const hub::DeskSnapshot& s) { return find(s, name)->state == State::paused; }));
    desk.cancel("good/Tiny-GGUF");
    CHECK(find(*desk.snapshot(), "good/Tiny-GGUF") == nullptr);
  }
  window.server.behave(Json::object());
  hub::Desk desk({.places = window.places});
  REQUIRE(desk.snapshot()->downloads.size() == 1);
  CHECK(find(*desk.snapshot(), name)->state == State::paused);
  CHECK(find(*desk.snapshot(), name)->bytes_done > 0);
  desk.download(name);
  CHECK(wait_for(desk, [&](const hub::DeskSnapshot& s) { return find(s, name)->state == State::finished; }));
  CHECK(find(*desk.snapshot(), name)->model.filename() == "tiny-Q8_0.gguf");
  desk.dismiss(name);
  CHECK(desk.snapshot()->downloads.empty());

  desk.download("gated/Model");
  CHECK(wait_for(desk, [&](const hub::DeskSnapshot& s) { return find(s, "gated/Model")->state == State::failed; }));
  CHECK(find(*desk.snapshot(), "gated/Model")->error.find("accepted its conditions") != std::string::npos);
  desk.cancel("gated/Model");
  window.server.behave({{"bytes_per_second", 1 << 20}});
  desk.download("good/Tiny-GGUF");
  CHECK(wait_for(desk, [&](const hub::DeskSnapshot& s) { return find(s, "good/Tiny-GGUF")->bytes_done > 1000000; }));
  desk.cancel("good/Tiny-GGUF");
  CHECK(wait_for(desk, [&](const hub::DeskSnapshot& s) { return find(s, "good/Tiny-GGUF") == nullptr; }));
  for (const double end = monotonic_seconds() + 10; !hub::unfinished_pulls(window.places).empty() && monotonic_seconds() < end;)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(hub::unfinished_pulls(window.places).empty());
}
