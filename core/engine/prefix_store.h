// Finds KV blocks that were computed before, by what was read up to them: one store per resident model,
// shared by all branches, sessions and API clients (DESIGN 4).
//
// A block is filed under the key of its parent, with its own tokens, so that any common prefix of it can be
// found: K and V of a position depend on earlier tokens only, and a rollback into the middle of a block still
// uses its head. Partial blocks are filed alike. Non-goals: what a block's bytes are (KvPool, Executor),
// files (DiskTier).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/engine/kv_key.h"
#include "core/engine/kv_pool.h"

namespace fabula::engine {

// Thread: the engine thread alone.
class PrefixStore {
 public:
  explicit PrefixStore(KvPool& pool);

  struct Hit {
    int32_t block = -1;  // -1: nothing
    int64_t common = 0;  // its first so many tokens are those asked for
  };
  // The filed block below `parent` that shares the longest prefix with `tokens`.
  Hit find(const KvKey& parent, std::span<const int32_t> tokens) const;
  bool contains_full(const KvKey& parent, const KvKey& key) const;

  // Files `block` (1 .. block_tokens tokens) and takes a reference of its own; filed shorter prefixes of it
  // that nobody holds are dropped. false: an equal or longer one is filed already.
  bool insert(const KvKey& parent, std::span<const int32_t> tokens, int32_t block);
  bool is_full(int32_t block) const { return entries_[static_cast<size_t>(block)].n_tokens == block_tokens; }
  const KvKey& key_of(int32_t block) const { return entries_[static_cast<size_t>(block)].key; }
  bool holds(int32_t block) const { return entries_[static_cast<size_t>(block)].n_tokens > 0; }

  // Marks a path as used, deepest block first, so that a leaf is always older than its parent.
  void touch(std::span<const int32_t> path);

  // The least recently used block that only the store holds; -1: there is none.
  int32_t oldest_or_negative() const;
  void evict(int32_t block);  // one that the store alone holds
  void clear();
  // Drops the full blocks with these keys and the partial ones below them, as far as nobody else holds them.
  void forget(const std::unordered_set<KvKey, KvKeyHash>& keys);

 private:
  struct Entry {
    KvKey parent{}, key{};  // key: of full blocks only
    std::array<int32_t, block_tokens> tokens{};
    int64_t n_tokens = 0;  // 0: the block is not filed
    uint64_t used = 0;
  };

  static int64_t common_prefix(const Entry& entry, std::span<const int32_t> tokens);
  void drop(int32_t block);

  KvPool& pool_;
  std::vector<Entry> entries_;  // by block id
  std::unordered_map<KvKey, std::vector<int32_t>, KvKeyHash> children_;
  uint64_t clock_ = 0;
};

}  // namespace fabula::engine
