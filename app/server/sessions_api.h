// Fabula's own endpoints: /api/sessions and what can be done with one. See CONTRACT, HTTP.
#pragma once

#include <vector>

#include "app/server/api_context.h"

namespace fabula::server {

void add_session_routes(std::vector<Route>& routes, ApiContext& context);

}  // namespace fabula::server
