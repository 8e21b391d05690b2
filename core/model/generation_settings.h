// What config.json and generation_config.json say of how a reply is generated and where it ends.
#pragma once

#include <vector>

#include "core/base/json.h"
#include "core/model/model.h"

namespace fabula::model {

// eos_token_id, as a number or a list.
std::vector<text::TokenId> named_end_tokens(const Json& config);

// Values outside their range are passed over: these are suggestions.
GenerationDefaults read_generation_defaults(const Json& generation_config);

}  // namespace fabula::model
