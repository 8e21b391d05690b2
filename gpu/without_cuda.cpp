// What takes the executor's place in a build without CUDA.
#include "gpu/cuda_executor.h"
#include "gpu/vendor_products.h"

namespace fabula::gpu {

namespace {
Error built_without() { return {ErrorCode::no_device, "this Fabula was built without CUDA"}; }
}  // namespace

bool built_with_cuda() { return false; }
Result<std::vector<DeviceInfo>> list_devices() { return built_without(); }
Result<DeviceLimits> measure_limits(int) { return built_without(); }
Result<compute::MemoryPlan> plan_cuda_memory(const compute::ModelSpec&, const compute::LoadOptions&) { return built_without(); }
Result<std::unique_ptr<compute::Executor>> make_cuda_executor(const compute::ModelSpec&, const formats::TensorSource&, const compute::LoadOptions&,
                                                              const CudaOptions&) {
  return built_without();
}

Result<double> vendor_product_seconds(int, std::span<const ProductSize>) { return built_without(); }

}  // namespace fabula::gpu
