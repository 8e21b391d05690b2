#include "core/engine/ram_tier.h"

#include <iterator>
#include <utility>

namespace fabula::engine {

std::span<const std::byte> RamTier::find(const KvKey& key) {
  const auto found = known_.find(key);
  if (found == known_.end()) return {};
  by_use_.splice(by_use_.end(), by_use_, found->second);
  return found->second->bytes;
}

void RamTier::put(const KvKey& key, std::vector<std::byte> bytes) {
  if (!takes(bytes.size()) || !find(key).empty()) return;
  while (bytes_ + bytes.size() > cap_bytes_) drop(by_use_.begin());
  bytes_ += bytes.size();
  by_use_.push_back({key, std::move(bytes)});
  known_.emplace(key, std::prev(by_use_.end()));
}

void RamTier::forget(const std::unordered_set<KvKey, KvKeyHash>& keys) {
  for (const KvKey& key : keys)
    if (const auto found = known_.find(key); found != known_.end()) drop(found->second);
}

void RamTier::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes.size();
  known_.erase(entry->key);
  by_use_.erase(entry);
}

}  // namespace fabula::engine
