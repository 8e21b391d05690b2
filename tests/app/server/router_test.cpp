#include "app/server/router.h"

#include <doctest/doctest.h>

using namespace fabula::server;

TEST_CASE("routes match whole segments, take parameters and tell a wrong method from a wrong path") {
  const std::vector<Route> routes = {{http::verb::get, "/api/sessions", {}},
                                     {http::verb::post, "/api/sessions", {}},
                                     {http::verb::get, "/api/sessions/{}", {}},
                                     {http::verb::post, "/api/sessions/{}/rollback", {}}};
  CHECK(find_route(routes, http::verb::get, "/api/sessions").route == &routes[0]);
  CHECK(find_route(routes, http::verb::head, "/api/sessions").route == &routes[0]);
  CHECK(find_route(routes, http::verb::post, "/api/sessions").route == &routes[1]);
  const Match one = find_route(routes, http::verb::post, "/api/sessions/abc/rollback");
  REQUIRE(one.route == &routes[3]);
  CHECK(one.parameters == std::vector<std::string>{"abc"});
  const Match wrong = find_route(routes, http::verb::put, "/api/sessions/abc");
  CHECK(wrong.route == nullptr);
  CHECK(wrong.allowed.size() == 1);
  for (const char* path :
       {"", "/", "/api", "/api/sessions/", "/api/sessions/a/b", "/api/sessionsx", "api/sessions"})
    CHECK(find_route(routes, http::verb::get, path).route == nullptr);
}
