// The emulated device behind gpu/device/runtime.h: what a test may ask of it beyond that.
#pragma once

#include <cstdint>

#include "tests/gpu/emulator/block.h"

namespace fabula::gpu::emulated {

struct Settings {
  Order order = Order::forward;
  uint64_t memory_bytes = uint64_t{4} << 30;  // allocations beyond fail
  bool lost = false;                          // as if the device had gone: every finish() says so
  bool driver = true;                         // false: as on a machine without a driver
  uint64_t launches = 0, replays = 0;         // counted
};
Settings& settings();  // of all devices; one thread

}  // namespace fabula::gpu::emulated
