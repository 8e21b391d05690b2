// OpenAI's endpoints: /v1/models, /v1/chat/completions, /v1/completions, and /tokenize, /detokenize beside
// them.
#pragma once

#include <vector>

#include "app/server/engine_bridge.h"
#include "app/server/router.h"
#include "core/session/service.h"

namespace fabula::server {

struct ApiContext {
  session::Service& service;
  EngineBridge& bridge;
};

// `context` outlives the routes.
void add_openai_routes(std::vector<Route>& routes, ApiContext& context);

// The loaded model of that name; "" takes the chat model. null: none.
std::shared_ptr<const engine::Engine::LoadedModel> find_loaded(const ApiContext& context,
                                                               const std::string& name, engine::ModelId& id);

}  // namespace fabula::server
