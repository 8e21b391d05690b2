#include "core/engine/fit.h"

#include <algorithm>
#include <string>

#include "core/base/memory_info.h"
#include "core/compute/cpu/isa.h"
#include "core/compute/cpu/machine_limits.h"
#include "core/compute/part.h"
#include "core/compute/rope.h"
#include "core/engine/kv_budget.h"
#include "core/engine/placement.h"
#include "gpu/devices.h"

namespace fabula::engine {

namespace {

constexpr int64_t default_longest_context = 8192;  // where the caller names none: what a desktop's memory takes in its stride
constexpr int64_t shortest_useful_context = 1024;
constexpr double usual_share_of_peak = 0.85;       // what decode reaches of the memory's speed (core/compute/NOTES.md)

// A context alone, without room for other prefixes.
constexpr uint64_t nothing_more = 1;

Result<int64_t> layers_on_gpu(const compute::ModelSpec& spec, const ModelLoad& load, const compute::LoadOptions& options, const Machine& machine) {
  if (load.device == "cpu" || machine.gpu_free_bytes == 0) return 0;
  if (load.gpu_layers >= 0) return std::min(load.gpu_layers, spec.n_layers);
  return layers_that_fit(spec, options, machine.gpu_free_bytes);
}

}  // namespace

Result<int64_t> context_for(const ModelLoad& load, const model::Model& model) {
  const int64_t own = model.spec.context_length;
  if (load.context < 0)
    return Error{ErrorCode::invalid_argument, "a context of " + std::to_string(load.context) + " tokens makes no sense"};
  if (load.context > 0 && own > 0 && load.context > own)
    return Error{ErrorCode::invalid_argument, "a context of " + std::to_string(load.context) + " tokens is more than the " +
                                                  std::to_string(own) + " that " + model.info.name + " was made for"};
  if (load.context > 0) return load.context;
  // Longer than a rope's original context only where it is asked for: that changes every word a little.
  return own > 0 ? std::min(compute::original_context(model.spec), default_longest_context) : default_longest_context;
}

compute::LoadOptions load_options_for(const EngineOptions& engine, const ModelLoad& load, const compute::ModelSpec& spec,
                                      int64_t context, uint64_t available_bytes) {
  compute::LoadOptions options;
  options.precision = load.precision;
  options.kv_precision = load.kv_precision;
  options.kv_blocks = kv_blocks_for(context, estimated_block_bytes(spec, load.kv_precision), engine.kv_ram_bytes, available_bytes);
  options.max_batch_tokens = std::max(options.max_batch_tokens, engine.prefill_chunk + engine.max_batch);
  options.max_logit_rows = std::max(options.max_logit_rows, engine.max_batch);
  options.context = context;
  return options;
}

Machine measure_machine(int threads, const std::string& isa) {
  Machine machine{.available_bytes = available_memory_bytes()};
  if (const auto gpus = gpu::list_devices(); gpus.ok()) machine.gpu_free_bytes = gpus->front().free_bytes;
  auto meter = compute::cpu::MachineMeter::make(threads > 0 ? threads : compute::cpu::physical_cores(), isa, 0);
  if (!meter.ok()) return machine;
  std::vector<compute::cpu::MachineLimits> samples;
  for (int i = 0; i < 3; ++i) samples.push_back((*meter)->sample());
  machine.read_bytes_per_second = compute::cpu::median(samples).dram_read_bytes_per_second;
  return machine;
}

Result<Fit> fit(const model::Model& model, const ModelLoad& load, const EngineOptions& engine, const Machine& machine) {
  Fit out{.precision = load.precision, .kv_precision = load.kv_precision};
  FABULA_ASSIGN(out.context, context_for(load, model));
  EngineOptions alone = engine;
  alone.kv_ram_bytes = nothing_more;
  const compute::LoadOptions options = load_options_for(alone, load, model.spec, out.context, machine.available_bytes);
  FABULA_ASSIGN(out.memory, compute::plan_cpu_memory(model.spec, *model.source, options));
  out.layers = model.spec.n_layers;
  FABULA_ASSIGN(out.gpu_layers, layers_on_gpu(model.spec, load, options, machine));
  if (out.gpu_layers > 0) {
    out.fits = out.gpu_layers == out.layers;
    if (out.fits || machine.available_bytes == 0) return out;
    const auto lower = compute::part_of(model.spec, 0, out.layers - out.gpu_layers);
    FABULA_ASSIGN(const compute::MemoryPlan on_cpu, compute::plan_cpu_memory(lower, *model.source, options));
    out.fits = on_cpu.total() <= machine.available_bytes;
    return out;
  }
  out.fits = machine.available_bytes == 0 || out.memory.total() <= machine.available_bytes;
  const auto bytes = static_cast<double>(out.memory.weight_bytes_per_token +
                                         out.memory.kv_bytes_per_token * static_cast<uint64_t>(out.context) / 2);
  if (bytes > 0) out.tokens_per_second = usual_share_of_peak * machine.read_bytes_per_second / bytes;
  return out;
}

std::vector<Fit> fit_table(const model::Model& model, const ModelLoad& load, const EngineOptions& engine, const Machine& machine) {
  const int64_t own = model.spec.context_length > 0 ? model.spec.context_length : default_longest_context;
  std::vector<int64_t> contexts;
  for (const int64_t context : {int64_t{2048}, int64_t{8192}, int64_t{32768}, int64_t{131072}})
    if (context < own) contexts.push_back(context);
  if (load.context > 0 && load.context < own) contexts.push_back(load.context);
  contexts.push_back(own);
  std::ranges::sort(contexts);
  contexts.erase(std::unique(contexts.begin(), contexts.end()), contexts.end());
  std::vector<Fit> table;
  uint64_t smallest = UINT64_MAX;
  for (const compute::Precision precision : {compute::Precision::automatic, compute::Precision::q8_0, compute::Precision::q4_0}) {
    std::vector<Fit> rows;
    for (const int64_t context : contexts) {
      ModelLoad one = load;
      one.precision = precision;
      one.context = context;
      if (const auto row = fit(model, one, engine, machine); row.ok()) rows.push_back(*row);
    }
    if (rows.empty() || rows.front().memory.weight_bytes >= smallest) continue;  // no smaller: of no use
    smallest = rows.front().memory.weight_bytes;
    table.insert(table.end(), rows.begin(), rows.end());
  }
  return table;
}

std::optional<Fit> nearest_fit(const model::Model& model, const ModelLoad& load, const EngineOptions& engine, const Machine& machine) {
  const auto asked = context_for(load, model);
  const int64_t own = model.spec.context_length > 0 ? model.spec.context_length : default_longest_context;
  const int64_t longest = asked.ok() ? *asked : own;
  for (const compute::Precision precision : {load.precision, compute::Precision::q8_0, compute::Precision::q4_0})
    for (const compute::KvPrecision kv : {load.kv_precision, compute::KvPrecision::q8_0})
      for (int64_t context = longest; context >= std::min(longest, shortest_useful_context); context /= 2) {
        ModelLoad one = load;
        one.precision = precision;
        one.kv_precision = kv;
        one.context = context;
        const auto found = fit(model, one, engine, machine);
        if (found.ok() && found->fits) return *found;
      }
  return std::nullopt;
}

}  // namespace fabula::engine
