// The executor for NVIDIA GPUs: core/compute/executor.h on a device. No CUDA header is needed to include this.
#pragma once

#include <memory>

#include "core/compute/executor.h"
#include "core/compute/memory_plan.h"
#include "gpu/devices.h"

namespace fabula::gpu {

struct CudaOptions {
  int device = 0;
};

// As make_cpu_executor. Further errors: no_device, unsupported (a head size above 256), out_of_memory naming what did not fit,
// device_lost; forward() and the blocks' calls return device_lost, too, and then nothing else any more.
Result<std::unique_ptr<compute::Executor>> make_cuda_executor(const compute::ModelSpec& spec, const formats::TensorSource& source,
                                                              const compute::LoadOptions& load, const CudaOptions& options);

// As plan_cpu_memory. Says nothing about what is free.
Result<compute::MemoryPlan> plan_cuda_memory(const compute::ModelSpec& spec, const compute::LoadOptions& load);

// What the device does at best, for shares of peak (NUMERICS 12). Bytes and operations a second.
struct DeviceLimits {
  double read_bytes = 0, bf16_ops = 0, int8_ops = 0;
  double upload_bytes = 0;  // from pinned memory of the host
};
Result<DeviceLimits> measure_limits(int device);

}  // namespace fabula::gpu
