// Which type a matrix takes when a whole model is wanted in one type. `models quantize` and loading with a
// precision ask here, so that a model converted at load computes what the file written from it would.
#pragma once

#include <cstdint>

#include "core/formats/dtype.h"

namespace fabula::formats {

enum class MatrixRole : uint8_t {
  inner,
  output,  // the matrix before the logits, also where it is the embedding too
  router,  // chooses experts: small, and a wrong choice costs more than its bytes
};

// Routers stay F32. The output matrix of types with fewer than 8 bits takes Q6_K (else Q8_0). Rows that a
// block does not divide take the next type that fits: of Q6_K Q8_0, of the others Q5_0, in the end F16.
DType type_for(DType wanted, MatrixRole role, int64_t cols);

}  // namespace fabula::formats
