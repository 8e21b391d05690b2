#include "core/engine/backends.h"

#include <utility>

#include "core/engine/engine.h"
#include "gpu/cuda_executor.h"

namespace fabula::engine {

namespace {

// "auto" is a choice between devices: what one cannot hold or run, the other may. Broken files and cancelled loads stay what they are.
bool cpu_may_take_over(ErrorCode code) {
  return code == ErrorCode::out_of_memory || code == ErrorCode::unsupported || code == ErrorCode::not_found ||
         code == gpu::device_lost;
}

}  // namespace

Backends real_backends(std::string isa, std::filesystem::path fingerprint_folder) {
  Backends backends;
  backends.open_model = [folder = std::move(fingerprint_folder)](const std::filesystem::path& path,
                                                                const std::atomic<bool>* cancel) {
    return model::open_model(path, {.fingerprint_folder = folder, .cancel = cancel});
  };
  backends.make_executor =
      [isa = std::move(isa)](
          const model::Model& model, const ModelLoad& load,
          const compute::LoadOptions& options) -> Result<std::unique_ptr<compute::Executor>> {
    FABULA_ASSIGN(const gpu::DeviceChoice choice, gpu::choose_device(load.device));
    if (choice.on_gpu) {
      auto executor = gpu::make_cuda_executor(model.spec, *model.source, options, {.device = choice.index});
      if (executor.ok() || load.device != "auto" || !cpu_may_take_over(executor.error().code))
        return executor;
    }
    return compute::make_cpu_executor(model.spec, *model.source, options,
                                      {.threads = load.threads, .isa_override = isa});
  };
  return backends;
}

}  // namespace fabula::engine
