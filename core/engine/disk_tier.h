// KV blocks on disk: what survives a restart. One file per full block below Places::kv_folder(), named by the
// block's key.
//
// Goals: a file that is damaged, cut, foreign or old is never used: it is deleted and the tokens are read
// again. Nothing here ever blocks the engine thread on disk. Non-goals: durability (it is a cache; nothing is
// synced), partial blocks (a restart reads at most one block of tokens again). The files hold K and V and
// digests, never text or token ids.
//
// File: magic "FABULAKV", u32 version, u32 tokens per block, 32 bytes key, u64 payload bytes, payload,
// SHA-256 of all before.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/base/log.h"
#include "core/base/result.h"
#include "core/engine/kv_key.h"

namespace fabula::engine {

class DiskTier {
 public:
  struct Block {
    KvKey key{};
    std::vector<std::byte> bytes;
  };
  using Fetched = std::function<void(std::vector<Block> blocks)>;  // the verified head of what was asked for

  // `wake`: called on the tier's thread whenever there is room again for what offer() refused. log may be
  // null.
  DiskTier(std::filesystem::path folder, uint64_t cap_bytes, LogSink* log, std::function<void()> wake);
  ~DiskTier();  // writes what was accepted, then joins

  // All below: any thread, never on disk themselves.
  bool contains(const KvKey& key) const;
  void wait_until_scanned();  // blocks until the folder's names are known (milliseconds); called by the
                              // loader thread

  // Queues a block to be written. false: enough is queued already (or writing has failed); offer it again
  // later.
  bool offer(const KvKey& key, std::vector<std::byte> bytes);
  bool has_room() const;
  // Reads blocks in order and stops at the first that is absent or damaged. `done` runs on the tier's thread.
  void fetch(std::vector<KvKey> keys, uint64_t block_bytes, Fetched done);

  // Deletes these blocks, written or still queued. `done` runs on the tier's thread when their files are gone.
  void erase(std::vector<KvKey> keys, std::function<void()> done);

  uint64_t bytes_on_disk() const;

 private:
  struct Job {
    Block write;
    std::vector<KvKey> keys;
    uint64_t block_bytes = 0;
    Fetched done;                  // set: a fetch
    std::function<void()> erased;  // set: an erasure of `keys`
  };
  struct Known {
    uint64_t bytes = 0;
    std::list<KvKey>::iterator place;
  };

  void run();
  void scan();
  void write(const Block& block);
  Result<std::vector<std::byte>> read(const KvKey& key, uint64_t block_bytes) const;
  void remember(const KvKey& key, uint64_t bytes);
  void mark_used(const KvKey& key);
  void forget(const KvKey& key);
  void shrink_to_cap();
  std::filesystem::path path_of(const KvKey& key) const;

  const std::filesystem::path folder_;
  const uint64_t cap_bytes_;
  LogSink* const log_;
  const std::function<void()> wake_;

  mutable std::mutex mutex_;  // guards what follows; never held while on disk
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::unordered_map<KvKey, Known, KvKeyHash> known_;
  std::list<KvKey> by_use_;  // least recently used first
  uint64_t known_bytes_ = 0, queued_bytes_ = 0;
  bool scanned_ = false, stopping_ = false, writable_ = true;
  std::thread thread_;
};

}  // namespace fabula::engine
