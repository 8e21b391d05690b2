// What the handlers of the API stand on, and the tables that they are listed in.
#pragma once

#include <span>
#include <vector>

#include "app/server/engine_bridge.h"
#include "app/server/router.h"
#include "core/session/service.h"

namespace fabula::server {

struct ApiContext {
  session::Service& service;
  EngineBridge& bridge;
  int connections = 0;  // open now
};

struct ApiRow {
  http::verb method;
  const char* pattern;
  asio::awaitable<void> (*handler)(Exchange&, ApiContext&);
};

// `context` outlives the routes.
inline void add_routes(std::vector<Route>& routes, ApiContext& context, std::span<const ApiRow> rows) {
  for (const ApiRow& row : rows)
    routes.push_back({row.method, row.pattern, [&context, handler = row.handler](Exchange& exchange) { return handler(exchange, context); }});
}

}  // namespace fabula::server
