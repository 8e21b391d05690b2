// What a KV block is known by: a SHA-256 chain over model, numerics and every token up to the block's end, so
// that a block is found again only where it would be computed again with the same bits (DESIGN 4, NUMERICS
// 7).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/hash.h"
#include "core/compute/executor.h"

namespace fabula::engine {

using KvKey = Sha256Digest;

inline constexpr int64_t block_tokens = compute::kv_block_tokens;

struct KvKeyHash {
  size_t operator()(const KvKey& key) const {  // the digest's own bits are as good as any hash
    size_t bits = 0;
    std::memcpy(&bits, key.data(), sizeof bits);
    return bits;
  }
};

// The parent of a sequence's first block.
inline KvKey root_key(std::string_view model_fingerprint, std::string_view numerics_id) {
  Sha256 hash;
  hash.update("fabula kv chain 1");
  hash.update_value(static_cast<uint64_t>(block_tokens));
  hash.update_value(static_cast<uint64_t>(model_fingerprint.size()));
  hash.update(model_fingerprint);
  hash.update_value(static_cast<uint64_t>(numerics_id.size()));
  hash.update(numerics_id);
  return hash.finish();
}

inline KvKey child_key(const KvKey& parent, std::span<const int32_t> tokens) {
  Sha256 hash;
  hash.update(parent.data(), parent.size());
  hash.update(tokens.data(), tokens.size_bytes());
  return hash.finish();
}

// Of every full block of `tokens`, in order.
inline std::vector<KvKey> chain_keys(KvKey root, std::span<const int32_t> tokens) {
  std::vector<KvKey> keys;
  for (; tokens.size() >= static_cast<size_t>(block_tokens); tokens = tokens.subspan(block_tokens))
    keys.push_back(root = child_key(root, tokens.first(block_tokens)));
  return keys;
}

}  // namespace fabula::engine
