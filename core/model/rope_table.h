// Inverse frequencies of rotary embeddings with every scaling in use, in double.
// Su et al. 2021 (RoPE); Chen et al. 2023 (linear); Peng et al. 2023 (YaRN); the forms are those of
// transformers' modeling_rope_utils.
#pragma once

#include "core/base/result.h"
#include "core/compute/model_spec.h"
#include "core/model/hyperparameters.h"

namespace fabula::model {

// longrope and dynamic NTK have frequencies for contexts up to the original one and for longer ones; which hold is
// settled when the model is loaded, by the context that was asked for (core/compute/rope.h says why).
// context_length: what the model was made for, in tokens. Errors: corrupt (a parameter that makes no sense).
Result<compute::RopeTable> make_rope_table(const RopeParameters& rope, int64_t rotary_dim,
                                           int64_t context_length);

}  // namespace fabula::model
