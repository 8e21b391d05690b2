// A model's shape and flags as config.json of a Hugging Face folder tells them.
#pragma once

#include <string>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/model/families.h"
#include "core/model/hyperparameters.h"

namespace fabula::model {

// config.json of a Hugging Face directory; transformers' defaults stand in for what it leaves out. A setting
// that would change the computation and is not understood is refused by name. Errors: corrupt, unsupported.
Result<Hyperparameters> read_hf_hyperparameters(const Json& config, const Family& family);

}  // namespace fabula::model
