// What config.json, generation_config.json and a GGUF file's metadata say of how a reply is generated and where it ends.
#pragma once

#include <vector>

#include "core/base/json.h"
#include "core/formats/gguf_value.h"
#include "core/model/model.h"

namespace fabula::model {

// eos_token_id, as a number or a list.
std::vector<text::TokenId> named_end_tokens(const Json& config);

// Values outside their range are passed over: these are suggestions.
GenerationDefaults read_generation_defaults(const Json& generation_config);
GenerationDefaults read_generation_defaults(const formats::GgufMetadata& metadata);  // general.sampling.*

}  // namespace fabula::model
