// Which type each matrix is loaded in: the rule of NUMERICS 10, or what the user asked for.
#pragma once

#include <vector>

#include "core/compute/cpu/row_stream.h"
#include "core/compute/cpu/weight_list.h"

namespace fabula::compute::cpu {

// Sets the type of each matrix and tells why, one report a matrix.
//   automatic: what is stored in a type with kernels stays; f32, and what has no kernels, goes to f16 where that
//   loses nothing that matters, else to f32.
//   a named precision: as formats::type_for has it.
// Errors: as RowStream.
enum class Surveys {
  none,    // reads nothing and takes f16 where the choice would need a survey: what most weights get (memory_plan.h)
  needed,  // of the matrices whose choice needs one
  all,
};
Result<std::vector<TensorReport>> choose_types(std::vector<MatrixJob>& matrices, Precision precision, const RowStream& stream, Surveys surveys);

}  // namespace fabula::compute::cpu
