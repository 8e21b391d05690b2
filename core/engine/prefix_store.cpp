#include "core/engine/prefix_store.h"

#include <algorithm>

namespace fabula::engine {

PrefixStore::PrefixStore(KvPool& pool) : pool_(pool), entries_(static_cast<size_t>(pool.total())) {}

int64_t PrefixStore::common_prefix(const Entry& entry, std::span<const int32_t> tokens) {
  const int64_t limit = std::min(entry.n_tokens, static_cast<int64_t>(tokens.size()));
  int64_t common = 0;
  while (common < limit && entry.tokens[static_cast<size_t>(common)] == tokens[static_cast<size_t>(common)])
    ++common;
  return common;
}

PrefixStore::Hit PrefixStore::find(const KvKey& parent, std::span<const int32_t> tokens) const {
  Hit best;
  const auto children = children_.find(parent);
  if (children == children_.end()) return best;
  for (int32_t block : children->second) {
    const int64_t common = common_prefix(entries_[static_cast<size_t>(block)], tokens);
    if (common > best.common) best = {block, common};
  }
  return best;
}

bool PrefixStore::contains_full(const KvKey& parent, const KvKey& key) const {
  const auto children = children_.find(parent);
  return children != children_.end() && std::ranges::any_of(children->second, [&](int32_t block) {
           const Entry& entry = entries_[static_cast<size_t>(block)];
           return entry.n_tokens == block_tokens && entry.key == key;
         });
}

bool PrefixStore::insert(const KvKey& parent, std::span<const int32_t> tokens, int32_t block) {
  const auto n = static_cast<int64_t>(tokens.size());
  if (holds(block) || find(parent, tokens).common == n) return false;
  if (const auto siblings = children_.find(parent); siblings != children_.end()) {
    std::vector<int32_t> superseded;
    for (int32_t other : siblings->second) {
      const Entry& entry = entries_[static_cast<size_t>(other)];
      if (pool_.references(other) == 1 && common_prefix(entry, tokens) == entry.n_tokens)
        superseded.push_back(other);
    }
    for (int32_t other : superseded) drop(other);
  }
  Entry& entry = entries_[static_cast<size_t>(block)];
  entry.parent = parent;
  entry.key = n == block_tokens ? child_key(parent, tokens) : KvKey{};
  std::ranges::copy(tokens, entry.tokens.begin());
  entry.n_tokens = n;
  entry.used = ++clock_;
  children_[parent].push_back(block);
  pool_.retain(block);
  return true;
}

void PrefixStore::touch(std::span<const int32_t> path) {
  for (size_t i = path.size(); i-- > 0;)
    if (holds(path[i])) entries_[static_cast<size_t>(path[i])].used = ++clock_;
}

// A scan over the pool: at most a few thousand entries, once per newly computed block of a full pool.
int32_t PrefixStore::oldest_or_negative() const {
  int32_t oldest = -1;
  for (int32_t block = 0; block < static_cast<int32_t>(entries_.size()); ++block) {
    if (!holds(block) || pool_.references(block) != 1) continue;
    if (oldest < 0 || entries_[static_cast<size_t>(block)].used < entries_[static_cast<size_t>(oldest)].used)
      oldest = block;
  }
  return oldest;
}

void PrefixStore::evict(int32_t block) { drop(block); }

void PrefixStore::clear() {
  for (int32_t block = 0; block < static_cast<int32_t>(entries_.size()); ++block)
    if (holds(block)) drop(block);
}

void PrefixStore::forget(const std::unordered_set<KvKey, KvKeyHash>& keys) {
  for (int32_t block = 0; block < static_cast<int32_t>(entries_.size()); ++block) {
    const Entry& entry = entries_[static_cast<size_t>(block)];
    if (entry.n_tokens == 0 || pool_.references(block) != 1) continue;
    if (keys.contains(entry.n_tokens == block_tokens ? entry.key : entry.parent)) drop(block);
  }
}

void PrefixStore::drop(int32_t block) {
  Entry& entry = entries_[static_cast<size_t>(block)];
  const auto children = children_.find(entry.parent);
  std::erase(children->second, block);
  if (children->second.empty()) children_.erase(children);
  entry.n_tokens = 0;
  pool_.release(block);
}

}  // namespace fabula::engine
