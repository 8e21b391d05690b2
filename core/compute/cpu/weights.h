// A model's tensors as the forward pass wants them: matrices in panels, vectors as padded floats, in one huge-page arena.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/compute/cpu/huge_buffer.h"
#include "core/compute/cpu/panels.h"
#include "core/compute/executor.h"

namespace fabula::compute::cpu {

struct LayerWeights {
  const float *attention_norm = nullptr, *attention_norm_bias = nullptr;
  PackedMatrix q, k, v, o;
  const float *q_bias = nullptr, *k_bias = nullptr, *v_bias = nullptr, *o_bias = nullptr;
  const float *q_norm = nullptr, *k_norm = nullptr;
  const float* post_attention_norm = nullptr;
  const float *ffn_norm = nullptr, *ffn_norm_bias = nullptr;
  PackedMatrix gate, up, down;
  const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;
  const float* post_ffn_norm = nullptr;
  PackedMatrix router, shared_gate, shared_up, shared_down, shared_router;
  std::vector<PackedMatrix> expert_gate, expert_up, expert_down;
};

class PackedWriter;

struct Weights {
  Weights();
  ~Weights();
  Weights(Weights&&) noexcept;
  Weights& operator=(Weights&&) noexcept;

  HugeBuffer arena;
  std::vector<float> vectors;  // all norms and biases, each padded with zeros to a multiple of 16
  PackedMatrix embedding, head;
  const float *head_bias = nullptr, *final_norm = nullptr, *final_norm_bias = nullptr;
  std::vector<LayerWeights> layers;
  std::vector<TensorReport> reports;
  uint64_t bytes = 0;            // of the panels
  uint64_t bytes_per_token = 0;  // of those one decode step reads (experts: the chosen ones)
  bool from_cache = false;       // read from a packed copy of an earlier load
  std::unique_ptr<PackedWriter> writer;  // of such a copy; reads the arena until it is done
};

struct WeightPlan {
  uint64_t bytes = 0, bytes_per_token = 0;  // as in Weights
};
// What load_weights will take, without reading a tensor (memory_plan.h says what it takes for granted).
Result<WeightPlan> plan_weights(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& options);

// Streams every tensor from `source` and packs it, in parallel. Peak memory: the packed weights and a few MiB per thread.
// Errors: cancelled, out_of_memory, unsupported, corrupt, io.
Result<Weights> load_weights(const ModelSpec& spec, const formats::TensorSource& source, const LoadOptions& options);

}  // namespace fabula::compute::cpu
