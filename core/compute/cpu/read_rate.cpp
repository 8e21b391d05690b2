#include "core/compute/cpu/read_rate.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "core/base/clock.h"
#include "core/compute/cpu/huge_buffer.h"

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

double copy_rate(Team& team, std::span<const uint8_t> from, uint64_t bytes) {
  constexpr uint64_t piece = uint64_t{2} << 20;
  const uint64_t pieces = bytes / piece, sources = from.size() / piece;
  auto fresh = HugeBuffer::allocate(bytes, "The buffer that measures the memory");
  if (!fresh.ok() || pieces == 0 || sources == 0) return 0;
  const double begin = monotonic_seconds();
  team.run(static_cast<int64_t>(pieces), [&](int64_t shard, int) {
    const auto at = static_cast<uint64_t>(shard);
    std::memcpy(fresh->data() + at * piece, from.data() + at % sources * piece, piece);
  });
  return static_cast<double>(pieces * piece) / (monotonic_seconds() - begin);
}

}  // namespace fabula::compute::cpu
