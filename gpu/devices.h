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

// The code of errors of a device that is gone (fell off the bus, was reset, faulted): the model must be loaded anew, there or on the CPU.
inline constexpr ErrorCode device_lost = ErrorCode::io;

// Errors: unsupported ("built without CUDA", driver too old), not_found (no NVIDIA driver, no device), each in plain words.
Result<std::vector<DeviceInfo>> list_devices();

// What `--device` means: nothing for the CPU, else a device's index. "auto": the first device, or the CPU where list_devices() has
// none. "cuda", "cuda:1". Errors: invalid_argument (no such name), those of list_devices(), not_found (no such index).
struct DeviceChoice {
  bool on_gpu = false;
  int index = 0;
};
Result<DeviceChoice> choose_device(std::string_view name);

}  // namespace fabula::gpu
