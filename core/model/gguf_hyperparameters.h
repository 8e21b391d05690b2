// A model's shape and flags as a GGUF file tells them.
#pragma once

#include "core/base/result.h"
#include "core/formats/gguf.h"
#include "core/model/families.h"
#include "core/model/hyperparameters.h"

namespace fabula::model {

// Reads the <architecture>.* keys. A key that would change the computation and is not understood is refused
// by name. Errors: corrupt (a value that makes no sense), unsupported.
Result<Hyperparameters> read_gguf_hyperparameters(const formats::Gguf& file, const Family& family);

}  // namespace fabula::model
