// Launching a kernel, from the files that hold kernels.
#pragma once

#include <type_traits>

#include "gpu/device/runtime.h"

namespace fabula::gpu {

template <class... P>
void launch(Device& device, const Grid& grid, void (*kernel)(P...), std::type_identity_t<P>... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
#ifdef __CUDACC__
  void* list[] = {&arguments...};
  device.launch_function(reinterpret_cast<const void*>(kernel), grid, list);
#else
  device.launch_closure(grid, [=] { kernel(arguments...); });
#endif
}

}  // namespace fabula::gpu
