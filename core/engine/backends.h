// Where the engine gets models and devices from: the real ones, or a test's.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/compute/executor.h"
#include "core/model/model.h"

namespace fabula::engine {

struct ModelLoad;

struct Backends {
  std::function<Result<std::shared_ptr<const model::Model>>(const std::filesystem::path&,
                                                            const std::atomic<bool>* cancel)>
      open_model;
  // options.precision, kv_precision, kv_blocks, on_progress and cancel are filled in.
  std::function<Result<std::unique_ptr<compute::Executor>>(const model::Model&, const ModelLoad&,
                                                           const compute::LoadOptions&)>
      make_executor;
};

// model::open_model (which remembers fingerprints in `fingerprint_folder`), and the device that the load
// names. `isa`: override for the CPU, "" for the best.
Backends real_backends(std::string isa, std::filesystem::path fingerprint_folder);

}  // namespace fabula::engine
