// OpenAI's endpoints: /v1/models, /v1/chat/completions, /v1/completions, and /tokenize, /detokenize beside
// them.
#pragma once

#include <string>
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

// `context` outlives the routes.
void add_openai_routes(std::vector<Route>& routes, ApiContext& context);

// A mode speaks with the model of that name, be it loaded, asleep or elsewhere.
bool is_chosen(const ApiContext& context, const std::string& name);

}  // namespace fabula::server
