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

// What loading a model takes, KV of one context included.
struct Room {
  uint64_t ram_bytes = 0;
  int gpu = -1;            // index; -1: nothing of a GPU
  uint64_t gpu_bytes = 0;  // with what is left alone there; never more than the device has
  bool gpu_named = false;  // the load names the GPU: "auto" could go on without it
};

struct Backends {
  std::function<Result<std::shared_ptr<const model::Model>>(const std::filesystem::path&,
                                                            const std::atomic<bool>* cancel)>
      open_model;
  // Where the model is to compute: turns the load's device into "cpu" or "cuda:i", its gpu_layers into their number, and options.kv_blocks
  // into what fits there. Empty: they stay as they are. Errors: no_device, out_of_memory, invalid_argument.
  std::function<Status(const model::Model&, int64_t context, ModelLoad&, compute::LoadOptions&)> place;
  // What place() and make_executor() would take if memory were empty. Empty function: nobody asks.
  std::function<Room(const model::Model&, const ModelLoad&, const compute::LoadOptions& one_context)> room;
  // options.precision, kv_precision, kv_blocks, on_progress and cancel are filled in.
  std::function<Result<std::unique_ptr<compute::Executor>>(const model::Model&, const ModelLoad&,
                                                           const compute::LoadOptions&)>
      make_executor;
};

// What went wrong is the matter of a device: the CPU could load and run the same model. Never true of a load for the CPU.
bool cpu_can_take_over(const ModelLoad& load, ErrorCode code);

// model::open_model (which remembers fingerprints in `fingerprint_folder`), and the device that the load
// names. `isa`: override for the CPU, "" for the best.
Backends real_backends(std::string isa, std::filesystem::path fingerprint_folder);

}  // namespace fabula::engine
