// How much memory a program can still take here.
#pragma once

#include <cstdint>

namespace fabula {

// MemAvailable, or what the control group (v2, v1) of this process leaves where that is less; 0 where neither can be read.
uint64_t available_memory_bytes();

}  // namespace fabula
