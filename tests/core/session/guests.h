// Services on one folder: the first is the host, the next are attached to it.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "core/session/service.h"

namespace fabula::session::test {

inline Service::Options options_in(const std::filesystem::path& folder) {
  Service::Options options;
  options.places = places_below(folder);
  options.program = "test";
  return options;
}

inline std::unique_ptr<Service> open_in(const std::filesystem::path& folder) {
  auto opened = Service::open(options_in(folder));
  REQUIRE_MESSAGE(opened.ok(), (opened.ok() ? std::string() : opened.error().message));
  return *std::move(opened);
}

// What another process did arrives a moment later.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace fabula::session::test
