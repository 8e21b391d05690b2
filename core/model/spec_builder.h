// Hyperparameters + a family's row + the tensors -> the ModelSpec an executor runs.
#pragma once

#include "core/base/result.h"
#include "core/compute/model_spec.h"
#include "core/formats/tensor.h"
#include "core/model/hyperparameters.h"
#include "core/model/tensor_names.h"

namespace fabula::model {

// The spec points into `source`. Errors: corrupt (missing tensor, wrong shape), unsupported (a tensor without
// a place).
Result<compute::ModelSpec> build_spec(const Hyperparameters& hyper, const Family& family,
                                      Convention convention, const formats::TensorSource& source);

}  // namespace fabula::model
