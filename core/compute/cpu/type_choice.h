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
// all: survey every matrix, also where the choice does not need it. Errors: as RowStream.
Result<std::vector<TensorReport>> choose_types(std::vector<MatrixJob>& matrices, Precision precision, const RowStream& stream, bool all);

}  // namespace fabula::compute::cpu
