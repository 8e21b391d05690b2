// Where a model computes: on which device, how many of its layers there, and how many KV blocks that leaves room for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/engine.h"

namespace fabula::engine {

// A GPU that models could compute on, for pickers; a load names it "cuda:<index>".
struct Gpu {
  int index = 0;
  std::string name;
  uint64_t free_bytes = 0, total_bytes = 0;
};
// Empty where there is none that can be used. The first call starts the driver, which takes up to a second: not on a UI thread.
std::vector<Gpu> list_gpus();

uint64_t free_gpu_bytes(int index);  // 0: there is none with that index

// Memory that is free: of the GPU that a load means, and of the machine.
struct FreeMemory {
  uint64_t gpu_bytes = 0, ram_bytes = 0;
};

// How many layers, counted from the last one, a GPU with that much free memory takes with the head and one full context: 0, not even one;
// n_layers, all. What the driver itself and a desktop want is left alone. Errors: as plan_cuda_memory.
Result<int64_t> layers_that_fit(const compute::ModelSpec& spec, const compute::LoadOptions& options, uint64_t gpu_bytes);

// What loading takes, and where, if memory were empty. one_context: as for layers_that_fit. Where nothing can be told, nothing.
Room room_for(const model::Model& model, const ModelLoad& load, const compute::LoadOptions& one_context);

// Settles load.gpu_layers (as many as fit, where -1) and options.kv_blocks for a GPU. 0 layers: the CPU computes it all.
// Errors: out_of_memory with the numbers, where the GPU was named and not one layer fits; those of plan_cuda_memory.
Status place_on_gpu(const compute::ModelSpec& spec, int64_t context, const FreeMemory& free, ModelLoad& load, compute::LoadOptions& options);

}  // namespace fabula::engine
