// OpenAI's endpoints: /v1/models, /v1/chat/completions, /v1/completions, and /tokenize, /detokenize beside
// them.
#pragma once

#include <string>
#include <vector>

#include "app/server/api_context.h"

namespace fabula::server {

void add_openai_routes(std::vector<Route>& routes, ApiContext& context);

// A mode speaks with the model of that name, be it loaded, asleep or elsewhere.
bool is_chosen(const ApiContext& context, const std::string& name);

}  // namespace fabula::server
