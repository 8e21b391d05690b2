// How fast a team reads memory, and nothing else: the limit that decode is held against (NUMERICS 12); and how fast it fills new memory: the
// limit of loading.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "core/compute/cpu/kernels.h"
#include "core/compute/cpu/team.h"

namespace fabula::compute::cpu {

// Bytes per second over passes through `memory`, each worker its own parts, for about `seconds` (at least one pass). A first pass,
// which is not counted, brings into the caches what they hold. 0 where `interrupted` said so between two passes.
// Between begin_step() and end_step() of the team.
double read_rate(Team& team, const KernelTable& kernels, std::span<const uint8_t> memory, double seconds,
                 const std::function<bool()>& interrupted = {});

// Bytes per second of one copy of `bytes` bytes from memory into huge pages that nobody has touched, clearing by the kernel included; 0
// where there is no memory for it. Between begin_step() and end_step() of the team.
double copy_rate(Team& team, std::span<const uint8_t> from, uint64_t bytes);

}  // namespace fabula::compute::cpu
