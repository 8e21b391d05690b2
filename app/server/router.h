// Which handler answers which path. Routes are rows; "{}" takes one segment of the path and becomes a
// parameter.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/server/exchange.h"

namespace fabula::server {

using Handler = std::function<asio::awaitable<void>(Exchange&)>;

struct Route {
  http::verb method;
  std::string pattern;  // "/api/sessions/{}/rollback"
  Handler handler;
};

struct Match {
  const Route* route = nullptr;  // null: none
  std::vector<std::string> parameters;
  std::vector<http::verb> allowed;  // methods of the path where only the method is wrong
};

Match find_route(const std::vector<Route>& routes, http::verb method, std::string_view path);

}  // namespace fabula::server
