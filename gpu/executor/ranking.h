// The ranked rows of a step: memory for them on the device and on the host, and what the sampler is handed of them.
#pragma once

#include <vector>

#include "core/compute/executor.h"
#include "gpu/device/runtime.h"
#include "gpu/kernels/rank.h"

namespace fabula::gpu {

class Ranking {
 public:
  Status allocate(Device& device, const compute::ModelSpec& spec, const compute::LoadOptions& options);
  static uint64_t bytes_of(const compute::ModelSpec& spec, const compute::LoadOptions& options);

  // How many logits of each row a step ranks where `wanted` are asked for: one of two numbers, so that recorded steps are few.
  static int rounded(int wanted) { return wanted == 0 ? 0 : wanted <= 64 ? 64 : most_ranked; }

  // Launches: ranks the n rows of `logits` and copies what came of it to the host. k: of rounded(), not 0.
  void run(Device& device, const float* logits, int n, int k) const;
  // After the device has finished: row i of a run with this k.
  compute::RankedRow row(int64_t index, int k) const;

 private:
  size_t lay_out(uint8_t* base, bool host, const compute::ModelSpec& spec, const compute::LoadOptions& options);

  Memory host_, device_memory_;
  RankArgs args_;                 // on the device
  float* values_ = nullptr;       // on the host, as RankArgs has them
  int32_t* ids_ = nullptr;
  RankStats* stats_ = nullptr;
};

}  // namespace fabula::gpu
