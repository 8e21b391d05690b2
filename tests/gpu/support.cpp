#include "tests/gpu/support.h"

#include <doctest/doctest.h>

#include "gpu/cuda_executor.h"

namespace fabula::test {

std::string why_no_device() {
  const auto devices = gpu::list_devices();
  return devices.ok() ? std::string() : devices.error().message;
}

std::unique_ptr<compute::Executor> load_on_gpu(const compute::ModelSpec& spec, const formats::TensorSource& source, compute::LoadOptions options) {
  if (options.kv_blocks == 0) options.kv_blocks = 16;
  options.max_logit_rows = options.max_batch_tokens;
  auto executor = gpu::make_cuda_executor(spec, source, options, {});
  REQUIRE_MESSAGE(executor.ok(), executor.error().message);
  return std::move(executor).value();
}

}  // namespace fabula::test
