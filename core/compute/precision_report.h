// What loading at a precision would make of each matrix, without loading: for `inspect --precision` and the window.
#pragma once

#include <atomic>
#include <vector>

#include "core/base/result.h"
#include "core/compute/executor.h"

namespace fabula::compute {

// Reads every tensor once or twice and converts it where it would be converted, in a few MiB per thread; one report a
// matrix, every one surveyed. Blocks: seconds for models of gigabytes. Errors: cancelled, corrupt, unsupported, io.
Result<std::vector<TensorReport>> report_precision(const ModelSpec& spec, const formats::TensorSource& source, Precision precision,
                                                   const std::atomic<bool>* cancel = nullptr);

}  // namespace fabula::compute
