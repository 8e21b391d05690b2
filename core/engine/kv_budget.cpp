#include "core/engine/kv_budget.h"

#include <algorithm>

namespace fabula::engine {

uint64_t estimated_block_bytes(const compute::ModelSpec& spec, compute::KvPrecision precision) {
  const auto values =
      static_cast<uint64_t>(2 * spec.n_layers * spec.n_kv_heads * spec.head_dim) * compute::kv_block_tokens;
  switch (precision) {
    case compute::KvPrecision::f32: return values * 4;
    case compute::KvPrecision::f16: return values * 2;
    case compute::KvPrecision::q8_0: return values / 32 * 34;  // 32 int8 and an f16 scale
  }
  return values * 4;
}

// An eighth of what is free leaves room for a second model and the desktop; beyond 2 GiB the disk is the better
// place for old prefixes.
uint64_t kv_ram_budget(uint64_t asked, uint64_t available_bytes) {
  constexpr uint64_t most_unasked = uint64_t{2} << 30;
  return asked > 0 ? asked : std::min(available_bytes / 8, most_unasked);
}

int64_t kv_blocks_for(int64_t context_tokens, uint64_t block_bytes, uint64_t ram_bytes,
                      uint64_t available_bytes) {
  // One block more than a full context: the copy of a partial block that a rollback or a regeneration starts
  // from.
  const int64_t needed = (context_tokens + compute::kv_block_tokens - 1) / compute::kv_block_tokens + 1;
  // 4096 blocks are 262,144 tokens and keep the eviction scan in microseconds.
  const uint64_t budget = kv_ram_budget(ram_bytes, available_bytes);
  const auto affordable =
      static_cast<int64_t>(std::min<uint64_t>(budget / std::max<uint64_t>(block_bytes, 1), 4096));
  const int64_t useful = 16 * needed;  // sixteen full contexts
  return std::max(needed, std::min(affordable, useful));
}

}  // namespace fabula::engine
