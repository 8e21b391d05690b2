// quantization_config of a Hugging Face config.json: what is known of weights that were quantised beside it.
#pragma once

#include <optional>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/model/hf_tensors.h"

namespace fabula::model {

// Where it says F8 weights with scales: how they are laid out; none where there is no such setting. Errors: unsupported (any
// other method, by name).
Result<std::optional<F8Scales>> read_hf_quantisation(const Json& config);

}  // namespace fabula::model
