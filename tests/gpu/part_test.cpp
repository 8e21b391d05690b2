// Models whose last layers are on the GPU, and models on two GPUs.
#include <doctest/doctest.h>

#include "core/compute/part.h"
#include "gpu/cuda_executor.h"
#include "tests/core/compute/executor_cases.h"
#include "tests/gpu/support.h"

namespace {

using namespace fabula;
using namespace fabula::test;

MakeExecutor on_gpu(const RandomModel& model) {
  return [&](const compute::ModelSpec& spec, const compute::LoadOptions& load) { return gpu::make_cuda_executor(spec, model.source, load, {}); };
}
MakeExecutor on_cpu(const RandomModel& model) {
  return [&](const compute::ModelSpec& spec, const compute::LoadOptions& load) {
    return compute::make_cpu_executor(spec, model.source, load, {.threads = 1});
  };
}

TEST_CASE("GPU: a model cut at any layer, both parts on the GPU, gives the bits of the whole one") {
  FABULA_REQUIRE_DEVICE();
  for (const ModelCase& c : part_cases()) {
    CAPTURE(c.name);
    RandomModel model;
    make_random_model(c.options, model);
    check_cuts(model, on_gpu(model), on_gpu(model));
  }
}

TEST_CASE("GPU: cut at any layer, the first part on the CPU, logits stay near and do not depend on the steps") {
  FABULA_REQUIRE_DEVICE();
  RandomModel model;  // what a border must carry over is the same for both parts on the GPU: the case with most of it
  make_random_model(part_cases()[2].options, model);
  check_cuts(model, on_cpu(model), on_gpu(model));
}

TEST_CASE("GPU: a cut model's blocks lie on both sides, are moved together, and its account names both") {
  FABULA_REQUIRE_DEVICE();
  RandomModel model;
  make_random_model(part_cases().front().options, model);
  auto lower = on_cpu(model)(compute::part_of(model.spec, 0, 3), part_options());
  auto upper = on_gpu(model)(compute::part_of(model.spec, 3, 4), part_options());
  REQUIRE((lower.ok() && upper.ok()));
  const uint64_t block_bytes = (*lower)->info().kv_block_bytes + (*upper)->info().kv_block_bytes;
  const auto joined = compute::join_parts(*std::move(lower), *std::move(upper), model.spec, 3).value();
  CHECK(joined->info().kind == "cpu + cuda");
  CHECK(joined->info().gpu_layers == 1);
  CHECK(joined->info().kv_on_device);
  CHECK(joined->info().kv_block_bytes == block_bytes);
  check_moved_blocks(*joined, model.spec.vocab);
}

}  // namespace
