// The codes of errors that are a device's matter, whatever the executor.
#pragma once

#include "core/base/result.h"

namespace fabula::compute {

// no_device: a GPU was asked for and none can be used: no driver or one too old, no such device, built without CUDA.
// device_lost: the GPU faulted or went away, and what it held with it: the model must be loaded again, there or elsewhere. A step and
// the blocks' calls return nothing else of its code.
inline constexpr ErrorCode no_device = ErrorCode::not_found, device_lost = ErrorCode::io;

}  // namespace fabula::compute
