#include "core/engine/backends.h"

#include <utility>

#include "core/base/memory_info.h"
#include "core/compute/part.h"
#include "core/engine/engine.h"
#include "core/engine/placement.h"
#include "gpu/cuda_executor.h"

namespace fabula::engine {

namespace {

using ExecutorResult = Result<std::unique_ptr<compute::Executor>>;

Status place(const model::Model& model, int64_t context, ModelLoad& load, compute::LoadOptions& options) {
  const bool anywhere = load.device == "auto";
  FABULA_ASSIGN(const gpu::DeviceChoice choice, gpu::choose_device(load.device));
  if (!choice.on_gpu || load.gpu_layers == 0) {
    load.device = "cpu";
    return {};
  }
  FABULA_ASSIGN(const auto devices, gpu::list_devices());
  const FreeMemory free{devices[static_cast<size_t>(choice.index)].free_bytes, available_memory_bytes()};
  const Status placed = place_on_gpu(model.spec, context, free, load, options);
  if (!placed.ok() && !(anywhere && cpu_can_take_over(load, placed.error().code))) return placed;
  load.device = placed.ok() && load.gpu_layers > 0 ? "cuda:" + std::to_string(choice.index) : "cpu";
  return {};
}

// The last layers and the head on the GPU, what comes before on the CPU.
ExecutorResult make_split(const model::Model& model, const ModelLoad& load, const compute::LoadOptions& options,
                          const compute::CpuOptions& cpu, int device) {
  const int64_t border = model.spec.n_layers - load.gpu_layers;
  const double lower_share = static_cast<double>(border) / static_cast<double>(model.spec.n_layers);
  const auto part_options = [&options](double begin, double end) {
    compute::LoadOptions part = options;
    if (options.on_progress)
      part.on_progress = [report = options.on_progress, begin, end](double fraction) { report(begin + (end - begin) * fraction); };
    return part;
  };
  // The GPU first: it is what may not have the room.
  FABULA_ASSIGN(auto upper, gpu::make_cuda_executor(compute::part_of(model.spec, border, model.spec.n_layers), *model.source,
                                                    part_options(0, 1 - lower_share), {.device = device}));
  FABULA_ASSIGN(auto lower, compute::make_cpu_executor(compute::part_of(model.spec, 0, border), *model.source,
                                                       part_options(1 - lower_share, 1), cpu));
  return compute::join_parts(std::move(lower), std::move(upper), model.spec, border);
}

}  // namespace

bool cpu_can_take_over(const ModelLoad& load, ErrorCode code) {
  return load.device != "cpu" && (code == ErrorCode::out_of_memory || code == ErrorCode::unsupported || code == ErrorCode::no_device ||
                                  code == ErrorCode::device_lost);
}

Backends real_backends(std::string isa, std::filesystem::path fingerprint_folder) {
  Backends backends;
  backends.open_model = [folder = std::move(fingerprint_folder)](const std::filesystem::path& path,
                                                                const std::atomic<bool>* cancel) {
    return model::open_model(path, {.fingerprint_folder = folder, .cancel = cancel});
  };
  backends.place = place;
  backends.room = room_for;
  backends.make_executor = [isa = std::move(isa)](const model::Model& model, const ModelLoad& load,
                                                  const compute::LoadOptions& options) -> ExecutorResult {
    const compute::CpuOptions cpu{.threads = load.threads, .isa_override = isa};
    FABULA_ASSIGN(const gpu::DeviceChoice choice, gpu::choose_device(load.device));
    if (!choice.on_gpu) return compute::make_cpu_executor(model.spec, *model.source, options, cpu);
    if (load.gpu_layers >= 0 && load.gpu_layers < model.spec.n_layers) return make_split(model, load, options, cpu, choice.index);
    return gpu::make_cuda_executor(model.spec, *model.source, options, {.device = choice.index});
  };
  return backends;
}

}  // namespace fabula::engine
