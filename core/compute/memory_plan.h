// What an executor will take before it takes it, by the arithmetic that it allocates with.
#pragma once

#include <cstdint>

#include "core/compute/executor.h"

namespace fabula::compute {

struct MemoryPlan {
  uint64_t weight_bytes = 0;            // as packed
  uint64_t weight_bytes_per_token = 0;  // read by one decode step of one sequence
  uint64_t kv_block_bytes = 0, kv_bytes_per_token = 0;
  uint64_t kv_bytes = 0;                // of all LoadOptions::kv_blocks
  uint64_t scratch_bytes = 0;
  uint64_t total() const { return weight_bytes + kv_bytes + scratch_bytes; }
};

// Reads no tensor: with Precision::automatic it takes F32 tensors to become F16, as NUMERICS 10 has it for weights that
// lose nothing that matters; the few that stay F32 take twice that. Errors: as make_cpu_executor's for the model's description.
Result<MemoryPlan> plan_cpu_memory(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& load);

}  // namespace fabula::compute
