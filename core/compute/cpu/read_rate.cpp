#include "core/compute/cpu/read_rate.h"

#include <algorithm>
#include <atomic>

#include "core/base/clock.h"

namespace fabula::compute::cpu {

double read_rate(Team& team, const KernelTable& kernels, std::span<const uint8_t> memory, double seconds,
                 const std::function<bool()>& interrupted) {
  constexpr int64_t page = 4096, usual_part = 256 * 1024;
  const auto bytes = static_cast<int64_t>(memory.size());
  const int64_t shards = std::max<int64_t>(team.threads(), bytes / usual_part);
  const int64_t part = bytes / shards / page * page;
  if (part == 0) return 0;
  std::atomic<int64_t> sink{0};  // the sums must be wanted, or nothing is read
  const auto pass = [&] {
    team.run(shards, [&](int64_t shard, int) { sink += kernels.read_all(memory.data() + shard * part, part); });
  };
  pass();
  const double begin = monotonic_seconds();
  int64_t passes = 0;
  double elapsed = 0;
  do {
    if (interrupted && interrupted()) return 0;
    pass();
    ++passes;
    elapsed = monotonic_seconds() - begin;
  } while (elapsed < seconds);
  return static_cast<double>(passes * shards * part) / elapsed;
}

}  // namespace fabula::compute::cpu
