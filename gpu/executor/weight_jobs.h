// What loading a model is made of: its matrices and vectors with where they go, before anything is allocated or read.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gpu/executor/weights.h"

namespace fabula::gpu {

// None: no kernel reads this type; it is converted at load.
std::optional<WeightType> weight_type_of(formats::DType type);

// Bytes of a packed matrix of a known type, and where its planes lie from `base` on.
int64_t packed_bytes(const Matrix& matrix);
void place(Matrix& matrix, const uint8_t* base, int64_t expert_bytes);

// One matrix, or all experts of one kind in one layer; the same rows of the same tensor (tied embeddings) are packed once.
struct Job {
  std::vector<compute::MatrixRef> refs;
  Matrix matrix;
  formats::DType effective = formats::DType::f32;
  int64_t offset = 0;
  size_t report = 0;
  std::vector<Matrix*> targets;
};

struct VectorJob {
  compute::VectorRef ref;
  float offset;
  const float** target;
  size_t at;
};

struct WeightJobs {
  std::vector<Job> matrices;
  std::vector<VectorJob> vectors;
  size_t vector_floats = 0;
};

// Targets point into `weights`, whose layers are laid out here. Errors: corrupt (a tensor of another shape), unsupported.
Result<WeightJobs> list_weights(const compute::ModelSpec& spec, Weights& weights);

// Bytes of it that one decode step of one sequence reads: of an untied embedding one row, of experts the chosen ones.
uint64_t bytes_per_token(const Job& job, const compute::ModelSpec& spec, const Weights& weights);

}  // namespace fabula::gpu
