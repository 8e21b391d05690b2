// Time per kind of phase and per worker. Switched off it costs one comparison per phase.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/compute/cpu/team.h"
#include "core/compute/executor.h"

namespace fabula::compute::cpu {

enum class Phase : uint8_t {
#define FABULA_PHASE(symbol, name) symbol,
#include "core/compute/cpu/phases.inc"
#undef FABULA_PHASE
};
inline constexpr size_t phase_count = 0
#define FABULA_PHASE(symbol, name) +1
#include "core/compute/cpu/phases.inc"
#undef FABULA_PHASE
    ;

std::string_view phase_name(Phase phase);

class PhaseProfile {
 public:
  void restart(bool on);
  bool on() const { return on_; }

  // Around a phase of n_shards, on the caller.
  void begin(const Team& team);
  void end(const Team& team, Phase phase, int64_t n_shards);

  std::vector<PhaseTime> times(const Team& team) const;

 private:
  using WorkerTicks = std::array<uint64_t, max_team_threads>;
  struct Sum {
    uint64_t ticks = 0, shards = 0;
    WorkerTicks busy{};
  };

  bool on_ = false;
  uint64_t began_ = 0;
  WorkerTicks busy_at_begin_{};
  std::array<Sum, phase_count> sums_{};
};

}  // namespace fabula::compute::cpu
