// How many KV blocks a model gets: enough for one full context always, and more for other requests and kept
// prefixes where the machine has the memory.
#pragma once

#include <cstdint>

#include "core/compute/executor.h"
#include "core/compute/model_spec.h"

namespace fabula::engine {

// Bytes of one block, K and V of all layers; an executor may pad (ExecutorInfo::kv_block_bytes is the truth
// after loading).
uint64_t estimated_block_bytes(const compute::ModelSpec& spec, compute::KvPrecision precision);

// Bytes of memory for KV that a model may keep: `asked`, or where that is 0 by what is available.
uint64_t kv_ram_budget(uint64_t asked, uint64_t available_bytes);

// ram_bytes: what the caller allows, 0: by `available_bytes`.
int64_t kv_blocks_for(int64_t context_tokens, uint64_t block_bytes, uint64_t ram_bytes,
                      uint64_t available_bytes);

}  // namespace fabula::engine
