// KV blocks that left a GPU's memory and may come back: full blocks by their key, the least recently used ones dropped first. Executors
// whose blocks lie in RAM anyway need none. Non-goals: partial blocks, lasting longer than the model (DiskTier).
#pragma once

#include <cstddef>
#include <list>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/engine/kv_key.h"

namespace fabula::engine {

// Thread: the engine thread alone.
class RamTier {
 public:
  explicit RamTier(uint64_t cap_bytes) : cap_bytes_(cap_bytes) {}

  bool takes(uint64_t bytes) const { return bytes <= cap_bytes_; }
  bool contains(const KvKey& key) const { return known_.contains(key); }
  // Empty: it is not there. Valid until the next put() or forget(); makes the block the most recently used.
  std::span<const std::byte> find(const KvKey& key);
  void put(const KvKey& key, std::vector<std::byte> bytes);  // more than the cap: not kept
  void forget(const std::unordered_set<KvKey, KvKeyHash>& keys);
  uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    KvKey key{};
    std::vector<std::byte> bytes;
  };
  void drop(std::list<Entry>::iterator entry);

  const uint64_t cap_bytes_;
  uint64_t bytes_ = 0;
  std::list<Entry> by_use_;  // least recently used first
  std::unordered_map<KvKey, std::list<Entry>::iterator, KvKeyHash> known_;
};

}  // namespace fabula::engine
