// Where the settings of a reply come from when nobody chose them.
#pragma once

#include <cstdint>

#include "core/engine/sampler.h"
#include "core/model/model.h"

namespace fabula::session {

// Fabula's own settings, overridden by what the model's generation_config.json says.
engine::SamplerSettings default_sampler(const model::GenerationDefaults& defaults);

bool same_sampler(const engine::SamplerSettings& a, const engine::SamplerSettings& b);

// A seed from the kernel's random numbers, below 2^63 so that every JSON reader takes it.
uint64_t draw_seed();

}  // namespace fabula::session
