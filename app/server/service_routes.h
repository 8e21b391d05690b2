// What is neither OpenAI's nor a session: /health, /metrics (Prometheus text format 0.0.4), /openapi.json.
#pragma once

#include <vector>

#include "app/server/api_context.h"

namespace fabula::server {

void add_service_routes(std::vector<Route>& routes, ApiContext& context);

}  // namespace fabula::server
