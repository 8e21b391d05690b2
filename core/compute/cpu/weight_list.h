// What a model's specification asks to be loaded: every matrix once, every vector, and where each belongs.
// Shapes are checked here, before anything is read.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/compute/cpu/panels.h"
#include "core/compute/cpu/weights.h"
#include "core/compute/model_spec.h"
#include "core/formats/type_policy.h"

namespace fabula::compute::cpu {

// One matrix to pack. The same rows of the same tensor (tied embeddings) are packed once.
struct MatrixJob {
  MatrixRef ref;
  formats::MatrixRole role = formats::MatrixRole::inner;
  PanelType type = PanelType::f32;  // chosen when all are listed
  uint64_t arena_offset = 0;
  std::vector<PackedMatrix*> targets;

  uint64_t packed_bytes() const {
    return static_cast<uint64_t>((ref.rows + panel_rows - 1) / panel_rows * panel_bytes(type, ref.cols));
  }
};

struct VectorJob {
  VectorRef ref;
  float offset = 0;  // added to every element
  const float** target = nullptr;
  size_t at = 0;  // its place in Weights::vectors
};

struct WeightList {
  std::vector<MatrixJob> matrices;
  std::vector<VectorJob> vectors;
  size_t vector_floats = 0;
};

// The targets point into `weights`, which must stay where it is. Errors: corrupt (a shape, by name), unsupported.
Result<WeightList> list_weights(const ModelSpec& spec, Weights& weights);

}  // namespace fabula::compute::cpu
