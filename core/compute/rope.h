// Ropes whose frequencies depend on how long the context is: longrope (Ding et al. 2024) and dynamic NTK.
//
// transformers looks at the length of each prompt and rotates all of its positions by the frequencies of that length:
// short ones up to the original context, long (or stretched) ones beyond. A KV cache cannot follow, because keys of
// one prefix would depend on what comes behind it; transformers itself forgets the cache when a reply crosses the border.
// Here, as in llama.cpp, the context that was asked for decides, once, at load:
//   a context up to the original one (the default): what transformers computes for every prompt that fits;
//   a longer one: what transformers computes for prompts of that length, for all prompts, short ones too.
// So a key depends on its prefix and on numerics_id alone, and no text changes its meaning as it grows.
#pragma once

#include <cstdint>

#include "core/compute/model_spec.h"

namespace fabula::compute {

// The table whose inv_freq holds for sequences of up to `context` tokens; nothing in it depends on length any more.
RopeTable settled_rope(RopeTable rope, int64_t context);

// The longest context for which every rope has its original frequencies; the model's context where none changes.
int64_t original_context(const ModelSpec& spec);

}  // namespace fabula::compute
