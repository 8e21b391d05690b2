// The executor for NVIDIA GPUs: core/compute/executor.h on a device. No CUDA header is needed to include this.
#pragma once

#include <memory>

#include "core/compute/executor.h"
#include "gpu/devices.h"

namespace fabula::gpu {

struct CudaOptions {
  int device = 0;
};

// As make_cpu_executor. Further errors: not_found (no driver, no such device), unsupported (driver or device too old; a head size above
// 256; built without CUDA), out_of_memory naming what did not fit.
Result<std::unique_ptr<compute::Executor>> make_cuda_executor(const compute::ModelSpec& spec, const formats::TensorSource& source,
                                                              const compute::LoadOptions& load, const CudaOptions& options);

// What the device does at best, for shares of peak (NUMERICS 12). Bytes and operations a second.
struct DeviceLimits {
  double read_bytes = 0, bf16_ops = 0, int8_ops = 0;
};
Result<DeviceLimits> measure_limits(int device);

}  // namespace fabula::gpu
