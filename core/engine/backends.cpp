#include "core/engine/backends.h"

#include <utility>

#include "core/engine/engine.h"

namespace fabula::engine {

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
    if (load.device != "auto" && load.device != "cpu")
      return Error{ErrorCode::unsupported, "device " + load.device + ": this build computes on the CPU only"};
    return compute::make_cpu_executor(model.spec, *model.source, options,
                                      {.threads = load.threads, .isa_override = isa});
  };
  return backends;
}

}  // namespace fabula::engine
