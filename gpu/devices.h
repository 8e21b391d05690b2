// The GPUs that this program could compute on: for the device picker, `--device` and the fit planner. No CUDA header is needed to
// include this; in a build without CUDA the list is empty and says why.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace fabula::gpu {

struct DeviceInfo {
  int index = 0;             // as in --device cuda:<index>
  std::string name;          // "NVIDIA H100 80GB HBM3"
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  uint64_t total_bytes = 0, free_bytes = 0;
  uint64_t max_shared_bytes = 0;  // of one block
  std::string driver;        // newest CUDA version that the driver runs: "13.0"
};

bool built_with_cuda();

// Errors: no_device, in plain words: built without CUDA, no NVIDIA driver, one that is too old, no GPU.
Result<std::vector<DeviceInfo>> list_devices();

// What `--device` means: nothing for the CPU, else a device's index. "auto": the first device, or the CPU where list_devices() has
// none. "cuda", "cuda:1". Errors: invalid_argument (no such name), no_device (list_devices() has none, or none with that index); the
// message says how to go on without one.
struct DeviceChoice {
  bool on_gpu = false;
  int index = 0;
};
Result<DeviceChoice> choose_device(std::string_view name);

}  // namespace fabula::gpu
