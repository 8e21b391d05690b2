// One client's connection: reads requests within bounds, asks the rules, calls the handler, answers, until
// either side is done.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/server/limits.h"
#include "app/server/router.h"
#include "app/server/security.h"

namespace fabula::server {

struct LogLine {
  std::string request_id, method, path;
  unsigned status = 0;
  double seconds = 0;
  std::string asked, answered;  // the bodies; empty unless ConnectionContext::log_text
};

struct ConnectionContext {
  AccessRules rules;
  Limits limits;
  std::vector<Route> routes;
  std::function<void(const LogLine&)> log;
  bool log_text = false;  // otherwise no message text is ever logged
};

// `context` outlives every connection.
asio::awaitable<void> serve_connection(beast::tcp_stream stream, const ConnectionContext& context);

}  // namespace fabula::server
