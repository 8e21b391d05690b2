#include "core/compute/cpu/phase_profile.h"

#include "core/compute/cpu/ticks.h"

namespace fabula::compute::cpu {

namespace {
constexpr std::string_view names[] = {
#define FABULA_PHASE(symbol, name) name,
#include "core/compute/cpu/phases.inc"
#undef FABULA_PHASE
};
}  // namespace

std::string_view phase_name(Phase phase) { return names[static_cast<size_t>(phase)]; }

void PhaseProfile::restart(bool on) {
  on_ = on;
  if (on) sums_ = {};
}

void PhaseProfile::begin(const Team& team) {
  for (int worker = 1; worker < team.threads(); ++worker)
    busy_at_begin_[static_cast<size_t>(worker)] = team.busy_ticks(worker);
  busy_at_begin_[0] = team.waited_ticks();
  began_ = ticks();
}

void PhaseProfile::end(const Team& team, Phase phase, int64_t n_shards) {
  Sum& sum = sums_[static_cast<size_t>(phase)];
  const uint64_t elapsed = ticks() - began_;
  sum.ticks += elapsed;
  sum.shards += static_cast<uint64_t>(n_shards);
  for (int worker = 1; worker < team.threads(); ++worker) {
    const auto w = static_cast<size_t>(worker);
    sum.busy[w] += team.busy_ticks(worker) - busy_at_begin_[w];
  }
  sum.busy[0] += elapsed - (team.waited_ticks() - busy_at_begin_[0]);
}

std::vector<PhaseTime> PhaseProfile::times(const Team& team) const {
  const double second = team.seconds_per_tick();
  std::vector<PhaseTime> out;
  for (size_t i = 0; i < phase_count; ++i) {
    const Sum& sum = sums_[i];
    if (sum.ticks == 0) continue;
    PhaseTime& time = out.emplace_back();
    time.name = phase_name(static_cast<Phase>(i));
    time.seconds = static_cast<double>(sum.ticks) * second;
    time.shards = sum.shards;
    for (int worker = 0; worker < team.threads(); ++worker)
      time.busy_seconds.push_back(static_cast<double>(sum.busy[static_cast<size_t>(worker)]) * second);
  }
  return out;
}

}  // namespace fabula::compute::cpu
