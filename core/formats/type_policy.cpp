#include "core/formats/type_policy.h"

namespace fabula::formats {

namespace {

bool divides(DType type, int64_t cols) {
  return cols % dtype_info(type).block_elements == 0;
}

}  // namespace

DType type_for(DType wanted, MatrixRole role, int64_t cols) {
  if (role == MatrixRole::router) return DType::f32;
  const bool is_coarse = is_quantised(wanted) && wanted != DType::q8_0;
  if (role == MatrixRole::output && is_coarse) wanted = divides(DType::q6_k, cols) ? DType::q6_k : DType::q8_0;
  if (divides(wanted, cols)) return wanted;
  const DType smaller = wanted == DType::q6_k ? DType::q8_0 : DType::q5_0;
  return divides(smaller, cols) ? smaller : DType::f16;
}

}  // namespace fabula::formats
