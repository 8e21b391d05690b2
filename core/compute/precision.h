// What a precision that is asked for means for the stored types.
#pragma once

#include <optional>

#include "core/compute/executor.h"
#include "core/formats/dtype.h"

namespace fabula::compute {

// The type that the matrices are to have; none for `automatic`, which chooses for each.
std::optional<formats::DType> type_of(Precision precision);

}  // namespace fabula::compute
