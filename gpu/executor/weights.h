// A model's tensors on the device: matrices packed for the tensor cores, vectors as floats, in one piece of memory.
#pragma once

#include <cstdint>
#include <vector>

#include "core/compute/executor.h"
#include "gpu/device/runtime.h"
#include "gpu/kernels/types.h"

namespace fabula::gpu {

struct LayerWeights {
  const float *attention_norm = nullptr, *attention_norm_bias = nullptr;
  Matrix q, k, v, o;
  const float *q_bias = nullptr, *k_bias = nullptr, *v_bias = nullptr, *o_bias = nullptr;
  const float *q_norm = nullptr, *k_norm = nullptr;
  const float* post_attention_norm = nullptr;
  const float *ffn_norm = nullptr, *ffn_norm_bias = nullptr;
  Matrix gate, up, down;
  const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;
  const float* post_ffn_norm = nullptr;
  Matrix router, shared_gate, shared_up, shared_down, shared_router;
  Matrix expert_gate, expert_up, expert_down;  // of expert 0; the others follow at expert_bytes
};

struct Weights {
  Memory memory, vectors;
  Matrix embedding, head;
  const float *head_bias = nullptr, *final_norm = nullptr, *final_norm_bias = nullptr;
  std::vector<LayerWeights> layers;
  std::vector<compute::TensorReport> reports;
  uint64_t bytes = 0, bytes_per_token = 0;
};

// Errors: cancelled, out_of_memory, unsupported, corrupt, io. `device` outlives the weights.
Result<Weights> load_weights(Device& device, const compute::ModelSpec& spec, const formats::TensorSource& source,
                             const compute::LoadOptions& options);

// What that will take, before anything is read: f32 tensors count as the f16 that nearly all of them become. Errors: corrupt, unsupported.
struct WeightPlan {
  uint64_t bytes = 0, vector_bytes = 0, bytes_per_token = 0;
};
Result<WeightPlan> plan_weights(const compute::ModelSpec& spec, const compute::LoadOptions& options);

}  // namespace fabula::gpu
