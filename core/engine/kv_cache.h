// One resident model's KV memory: blocks that sequences hold, blocks that are kept because somebody may read
// the same tokens again, and the way to and from disk.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/compute/executor.h"
#include "core/engine/disk_tier.h"
#include "core/engine/kv_pool.h"
#include "core/engine/prefix_store.h"
#include "core/engine/ram_tier.h"

namespace fabula::engine {

// What one sequence holds. Blocks before `tokens` are computed; those after it are room for the next step.
struct KvLease {
  std::vector<int32_t> blocks;
  std::vector<KvKey> keys;  // of the full blocks among the first `tokens`, in order
  int64_t tokens = 0;       // positions whose K and V are there and verified
};

// Thread: the engine thread alone.
class KvCache {
 public:
  // `executor` outlives this; `disk` may be null and outlives this. ram_bytes: for blocks that leave a GPU's memory.
  KvCache(compute::Executor& executor, KvKey root, int64_t n_blocks, DiskTier* disk, uint64_t ram_bytes);

  // Extends the lease by what the store, or RAM beside a GPU, has of tokens[lease.tokens, limit): shares full blocks, copies the
  // head of a partial one.
  void attach(KvLease& lease, std::span<const int32_t> tokens, int64_t limit);
  // Keys of blocks that attach() would go on with if they were in RAM, at most `max`: what is worth fetching
  // from disk.
  std::vector<KvKey> on_disk(const KvLease& lease, std::span<const int32_t> tokens, int64_t limit,
                             size_t max) const;
  // Files blocks that came from disk; `tokens` and the lease are those that on_disk() was asked about.
  void adopt(const KvLease& lease, std::span<const int32_t> tokens, std::span<const DiskTier::Block> blocks);

  // How many of the first tokens attach() would find in RAM or on disk. Changes nothing.
  int64_t stored(std::span<const int32_t> tokens) const;

  // Makes room for positions up to `until`. false: every block is held by a sequence.
  bool grow(KvLease& lease, int64_t until);
  // The first `until` positions are computed: full blocks among them become findable.
  void advance(KvLease& lease, std::span<const int32_t> tokens, int64_t until);
  // Hands everything back; a partial last block stays findable. The lease is empty afterwards.
  void release(KvLease& lease, std::span<const int32_t> tokens);

  // Offers at most `max` blocks that are not on disk yet to the disk tier. true: some went.
  bool spill(int64_t max);
  bool has_unspilled() const { return disk_ != nullptr && !unspilled_.empty(); }

  // What was read and written up to these blocks is to be forgotten: in RAM as far as no sequence holds it, and it is
  // not written to disk any more.
  void forget(const std::unordered_set<KvKey, KvKeyHash>& keys);

  int64_t blocks_used() const { return pool_.used(); }  // held or kept
  int64_t blocks_total() const { return pool_.total(); }
  uint64_t bytes_in_ram() const { return ram_.bytes(); }  // of blocks that left a GPU's memory

 private:
  int32_t take_block_or_negative();
  void make_free();
  bool restore(const KvKey& parent, std::span<const int32_t> own);
  const KvKey& parent_of(const KvLease& lease) const {
    return lease.keys.empty() ? root_ : lease.keys.back();
  }

  compute::Executor& executor_;
  const KvKey root_;
  DiskTier* const disk_;
  KvPool pool_;
  PrefixStore store_;
  RamTier ram_;
  struct Unspilled {
    int32_t block;
    KvKey key;  // the block may have been evicted and reused since
  };
  std::deque<Unspilled> unspilled_;
};

}  // namespace fabula::engine
