// Will a model fit, and how fast will it be? Known before anything is loaded, by the arithmetic of loading itself.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/compute/memory_plan.h"
#include "core/engine/engine.h"

namespace fabula::engine {

// Tokens: what the load names, else the model's own, at most 8192. Errors: invalid_argument (more than the model was made for).
Result<int64_t> context_for(const ModelLoad& load, const model::Model& model);

// What the loader asks an executor for. available_bytes decides only how many KV blocks beyond one context are kept.
compute::LoadOptions load_options_for(const EngineOptions& engine, const ModelLoad& load, const compute::ModelSpec& spec,
                                      int64_t context, uint64_t available_bytes);

struct Machine {
  uint64_t available_bytes = 0;           // of memory; 0: unknown, everything fits
  double read_bytes_per_second = 0;       // from DRAM, by all threads; 0: unknown
  uint64_t gpu_free_bytes = 0;            // of the first GPU's memory; 0: there is none
};
// About half a second of reading memory: not while something generates.
Machine measure_machine(int threads, const std::string& isa);

struct Fit {
  compute::Precision precision = compute::Precision::automatic;
  compute::KvPrecision kv_precision = compute::KvPrecision::f16;
  int64_t context = 0;
  compute::MemoryPlan memory;      // kv_bytes: of this context alone; more is kept only where memory is free
  int64_t layers = 0, gpu_layers = 0;     // of the model; of them on the GPU, the last ones
  bool fits = true;                // the CPU's part into memory, the GPU's into its own
  double tokens_per_second = 0;    // of one reply with half of the context read; 0: unknown (the GPU has a part in it)
};

// Errors: as context_for, and those of a description that the CPU engine cannot run.
Result<Fit> fit(const model::Model& model, const ModelLoad& load, const EngineOptions& engine, const Machine& machine);

// Precisions that make it smaller x contexts up to the model's own: one row each, the largest precision first.
std::vector<Fit> fit_table(const model::Model& model, const ModelLoad& load, const EngineOptions& engine, const Machine& machine);

// The nearest to what was asked that fits: less context first (down to 1024), then a smaller KV cache, then smaller
// weights. None: nothing does.
std::optional<Fit> nearest_fit(const model::Model& model, const ModelLoad& load, const EngineOptions& engine, const Machine& machine);

}  // namespace fabula::engine
