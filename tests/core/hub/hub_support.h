// The loopback hub of hub_server.py, as the tests of this room use it.
#pragma once

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "core/base/json.h"
#include "core/hub/hub.h"
#include "tests/core/net/test_program.h"

namespace fabula::test {

struct LoopbackHub {
  PythonProgram program{{FABULA_HUB_SERVER}};
  int port = 0, files_port = 0;
  LoopbackHub() { std::istringstream(program.first_line()) >> port >> files_port; }

  hub::Access access(const std::string& token = "") const { return {"http://127.0.0.1:" + std::to_string(port), token}; }

  void behave(const Json& how) const {
    net::HttpClient client;
    net::HttpRequest request{.method = "POST", .url = access().endpoint + "/control"};
    request.body = how.is_null() ? "{}" : how.dump();
    const auto reply = client.fetch(request);
    REQUIRE(reply.ok());
    REQUIRE(reply->head.status == 200);
  }
  Json log() const {
    net::HttpClient client;
    const auto reply = client.fetch({.url = access().endpoint + "/log"});
    REQUIRE(reply.ok());
    return *parse_json(reply->body, "log");
  }
};

}  // namespace fabula::test
