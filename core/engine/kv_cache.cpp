#include "core/engine/kv_cache.h"

#include <algorithm>
#include <utility>

namespace fabula::engine {

namespace {

std::span<const int32_t> slice(std::span<const int32_t> tokens, int64_t begin, int64_t end) {
  return tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

}  // namespace

KvCache::KvCache(compute::Executor& executor, KvKey root, int64_t n_blocks, DiskTier* disk, uint64_t ram_bytes)
    : executor_(executor), root_(root), disk_(disk), pool_(n_blocks), store_(pool_), ram_(executor.info().kv_on_device ? ram_bytes : 0) {}

void KvCache::attach(KvLease& lease, std::span<const int32_t> tokens, int64_t limit) {
  while (lease.tokens % block_tokens == 0 && lease.tokens < limit) {
    const int64_t end = std::min(limit, lease.tokens + block_tokens);
    const PrefixStore::Hit hit = store_.find(parent_of(lease), slice(tokens, lease.tokens, end));
    if (hit.common == block_tokens) {
      pool_.retain(hit.block);
      lease.blocks.push_back(hit.block);
      lease.keys.push_back(store_.key_of(hit.block));
      lease.tokens += block_tokens;
      continue;
    }
    if (end - lease.tokens == block_tokens && restore(parent_of(lease), slice(tokens, lease.tokens, end))) continue;
    if (hit.common == 0 || !on_disk(lease, tokens, limit, 1).empty()) break;
    pool_.retain(hit.block);  // taking a block for the copy must not evict the source
    if (const int32_t copy = take_block_or_negative(); copy >= 0) {
      executor_.copy_block(hit.block, copy, static_cast<int>(hit.common));
      lease.blocks.push_back(copy);
      lease.tokens += hit.common;
    }
    pool_.release(hit.block);
    break;
  }
  store_.touch(lease.blocks);
}

// A block that was moved to RAM comes back and is filed again. false: it is not there, or there is no room.
bool KvCache::restore(const KvKey& parent, std::span<const int32_t> own) {
  const KvKey key = child_key(parent, own);
  if (!ram_.contains(key)) return false;
  const int32_t block = take_block_or_negative();  // may put another one beside it, and drop it itself
  if (block < 0) return false;
  const std::span<const std::byte> bytes = ram_.find(key);
  const bool filed = !bytes.empty() && executor_.write_block(block, bytes).ok() && store_.insert(parent, own, block);
  pool_.release(block);
  return filed;
}

std::vector<KvKey> KvCache::on_disk(const KvLease& lease, std::span<const int32_t> tokens, int64_t limit,
                                    size_t max) const {
  std::vector<KvKey> keys;
  if (!disk_ || lease.tokens % block_tokens != 0) return keys;
  KvKey parent = parent_of(lease);
  for (int64_t begin = lease.tokens; begin + block_tokens <= limit && keys.size() < max;
       begin += block_tokens) {
    const KvKey key = child_key(parent, slice(tokens, begin, begin + block_tokens));
    if (store_.contains_full(parent, key) || !disk_->contains(key)) break;
    keys.push_back(key);
    parent = key;
  }
  return keys;
}

int64_t KvCache::stored(std::span<const int32_t> tokens) const {
  const auto size = static_cast<int64_t>(tokens.size());
  KvKey parent = root_;
  int64_t n = 0;
  while (n < size) {
    const int64_t end = std::min(size, n + block_tokens);
    const PrefixStore::Hit hit = store_.find(parent, slice(tokens, n, end));
    const bool whole = hit.common == block_tokens;
    const KvKey key = whole ? store_.key_of(hit.block) : end - n == block_tokens ? child_key(parent, slice(tokens, n, end)) : KvKey{};
    if (!whole && (end - n < block_tokens || disk_ == nullptr || !disk_->contains(key))) return n + hit.common;
    parent = key;
    n = end;
  }
  return n;
}

void KvCache::adopt(const KvLease& lease, std::span<const int32_t> tokens,
                    std::span<const DiskTier::Block> blocks) {
  KvKey parent = parent_of(lease);
  int64_t begin = lease.tokens;
  std::vector<int32_t>
      adopted;  // held until all are in, so that a later one does not push out an earlier one
  for (const DiskTier::Block& fetched : blocks) {
    const auto own = slice(tokens, begin, begin + block_tokens);
    const int32_t block = take_block_or_negative();
    if (block < 0) break;
    adopted.push_back(block);
    if (child_key(parent, own) != fetched.key || !executor_.write_block(block, fetched.bytes).ok()) break;
    store_.insert(parent, own, block);
    parent = fetched.key;
    begin += block_tokens;
  }
  for (int32_t block : adopted) pool_.release(block);
}

bool KvCache::grow(KvLease& lease, int64_t until) {
  while (static_cast<int64_t>(lease.blocks.size()) * block_tokens < until) {
    const int32_t block = take_block_or_negative();
    if (block < 0) return false;
    lease.blocks.push_back(block);
  }
  return true;
}

void KvCache::advance(KvLease& lease, std::span<const int32_t> tokens, int64_t until) {
  lease.tokens = until;
  while (static_cast<int64_t>(lease.keys.size() + 1) * block_tokens <= until) {
    const auto begin = static_cast<int64_t>(lease.keys.size()) * block_tokens;
    const auto own = slice(tokens, begin, begin + block_tokens);
    const int32_t block = lease.blocks[lease.keys.size()];
    const KvKey parent = parent_of(lease);
    lease.keys.push_back(child_key(parent, own));
    if (store_.insert(parent, own, block) && disk_ && !disk_->contains(lease.keys.back()))
      unspilled_.push_back({block, lease.keys.back()});
  }
}

void KvCache::release(KvLease& lease, std::span<const int32_t> tokens) {
  const auto full = static_cast<int64_t>(lease.keys.size());
  if (lease.tokens > full * block_tokens)
    store_.insert(parent_of(lease), slice(tokens, full * block_tokens, lease.tokens),
                  lease.blocks[lease.keys.size()]);
  store_.touch(lease.blocks);
  for (int32_t block : lease.blocks) pool_.release(block);
  lease = {};
}

bool KvCache::spill(int64_t max) {
  bool any = false;
  for (int64_t n = 0; n < max && has_unspilled() && disk_->has_room(); ++n) {
    const auto [block, key] = unspilled_.front();
    unspilled_.pop_front();
    if (!store_.holds(block) || store_.key_of(block) != key) continue;
    std::vector<std::byte> bytes(executor_.info().kv_block_bytes);
    if (!executor_.read_block(block, bytes).ok()) continue;
    disk_->offer(key, std::move(bytes));
    any = true;
  }
  return any;
}

void KvCache::forget(const std::unordered_set<KvKey, KvKeyHash>& keys) {
  std::erase_if(unspilled_, [&](const Unspilled& entry) { return keys.contains(entry.key); });
  store_.forget(keys);
  ram_.forget(keys);
}

int32_t KvCache::take_block_or_negative() {
  const int32_t block = pool_.take_or_negative();
  if (block >= 0) return block;
  make_free();
  return pool_.take_or_negative();
}

// The least recently used block that only the store holds gives its place away; a GPU's goes to RAM.
void KvCache::make_free() {
  const int32_t oldest = store_.oldest_or_negative();
  if (oldest < 0) return;
  const uint64_t bytes = executor_.info().kv_block_bytes;
  if (ram_.takes(bytes) && store_.is_full(oldest) && !ram_.contains(store_.key_of(oldest))) {
    std::vector<std::byte> copy(bytes);
    if (executor_.read_block(oldest, copy).ok()) ram_.put(store_.key_of(oldest), std::move(copy));
  }
  store_.evict(oldest);
}

}  // namespace fabula::engine
