#include "core/engine/placement.h"

#include <algorithm>
#include <string>

#include "core/compute/part.h"
#include "core/engine/kv_budget.h"
#include "gpu/cuda_executor.h"

namespace fabula::engine {

namespace {

// What stays free: recorded steps and the driver's own structures (some 150 MiB), the two buffers of loading (64 MiB), a desktop's next
// window. cudaMemGetInfo's answer has the context itself in it already.
constexpr uint64_t left_alone_bytes = uint64_t{384} << 20;
// Of what is free beyond that, prefixes that are kept may take this much; kv_blocks_for takes an eighth of what it is told.
constexpr uint64_t eighths_for_prefixes = 4;

uint64_t beyond(uint64_t bytes, uint64_t taken) { return bytes > taken ? bytes - taken : 0; }

std::string mib(uint64_t bytes) { return std::to_string((bytes >> 20) + 1) + " MiB"; }

compute::LoadOptions one_context(const compute::LoadOptions& options, int64_t context) {
  compute::LoadOptions alone = options;
  alone.kv_blocks = kv_blocks_for(context, 1, 1, 0);
  return alone;
}

Result<compute::MemoryPlan> plan_upper(const compute::ModelSpec& spec, const compute::LoadOptions& options, int64_t layers) {
  return gpu::plan_cuda_memory(compute::part_of(spec, spec.n_layers - layers, spec.n_layers), options);
}

}  // namespace

std::vector<Gpu> list_gpus() {
  std::vector<Gpu> gpus;
  const auto devices = gpu::list_devices();
  if (!devices.ok()) return gpus;
  for (const gpu::DeviceInfo& device : *devices) gpus.push_back({device.index, device.name, device.free_bytes, device.total_bytes});
  return gpus;
}

uint64_t free_gpu_bytes(int index) {
  for (const Gpu& gpu : list_gpus())
    if (gpu.index == index) return gpu.free_bytes;
  return 0;
}

Result<int64_t> layers_that_fit(const compute::ModelSpec& spec, const compute::LoadOptions& options, uint64_t gpu_bytes) {
  const uint64_t usable = beyond(gpu_bytes, left_alone_bytes);
  for (int64_t layers = spec.n_layers; layers > 0; --layers) {
    FABULA_ASSIGN(const compute::MemoryPlan plan, plan_upper(spec, options, layers));
    if (plan.total() <= usable) return layers;
  }
  return 0;
}

Room room_for(const model::Model& model, const ModelLoad& load, const compute::LoadOptions& one_context) {
  Room room;
  const auto choice = gpu::choose_device(load.device);
  const auto devices = choice.ok() && choice->on_gpu ? gpu::list_devices() : Result<std::vector<gpu::DeviceInfo>>(Error{});
  int64_t layers = 0;
  if (devices.ok() && static_cast<size_t>(choice->index) < devices->size()) {
    const uint64_t total = (*devices)[static_cast<size_t>(choice->index)].total_bytes;
    const auto most = load.gpu_layers >= 0 ? Result<int64_t>(load.gpu_layers) : layers_that_fit(model.spec, one_context, total);
    layers = most.ok() ? std::min(*most, model.spec.n_layers) : 0;
    if (const auto plan = layers > 0 ? plan_upper(model.spec, one_context, layers) : Result<compute::MemoryPlan>(Error{}); plan.ok()) {
      room.gpu = choice->index;
      room.gpu_bytes = std::min(total, plan->total() + left_alone_bytes);
      room.gpu_named = load.device != "auto";
    }
  }
  if (room.gpu >= 0 && layers == model.spec.n_layers) return room;
  const auto lower = room.gpu >= 0 ? compute::part_of(model.spec, 0, model.spec.n_layers - layers) : model.spec;
  if (const auto plan = compute::plan_cpu_memory(lower, *model.source, one_context); plan.ok()) room.ram_bytes = plan->total();
  return room;
}

Status place_on_gpu(const compute::ModelSpec& spec, int64_t context, const FreeMemory& free, ModelLoad& load, compute::LoadOptions& options) {
  const compute::LoadOptions alone = one_context(options, context);
  if (load.gpu_layers < 0) {
    FABULA_ASSIGN(load.gpu_layers, layers_that_fit(spec, alone, free.gpu_bytes));
    if (load.gpu_layers == 0 && load.device != "auto") {
      FABULA_ASSIGN(const compute::MemoryPlan one, plan_upper(spec, alone, 1));
      return Error{ErrorCode::out_of_memory, "not one layer of the model fits on the GPU: it needs " + mib(one.total() + left_alone_bytes) +
                                                 " with the output matrix and a context of " + std::to_string(context) + " tokens, " +
                                                 mib(free.gpu_bytes) + " are free; the device \"cpu\" (--device cpu) goes on without it"};
    }
  }
  load.gpu_layers = std::min(load.gpu_layers, spec.n_layers);
  if (load.gpu_layers == 0) return {};
  FABULA_ASSIGN(const compute::MemoryPlan plan, plan_upper(spec, alone, load.gpu_layers));
  const uint64_t left = beyond(free.gpu_bytes, left_alone_bytes + plan.total());
  options.kv_blocks = kv_blocks_for(context, plan.kv_block_bytes, 0, left * eighths_for_prefixes);
  if (load.gpu_layers == spec.n_layers) return {};
  // A block has a part on either side.
  const auto lower = compute::part_of(spec, 0, spec.n_layers - load.gpu_layers);
  options.kv_blocks = std::min(options.kv_blocks, kv_blocks_for(context, estimated_block_bytes(lower, load.kv_precision), 0, free.ram_bytes));
  return {};
}

}  // namespace fabula::engine
