// Which of an executor's KV blocks are in use, and by how many holders. It knows numbers only, not what lies
// in the blocks.
#pragma once

#include <cassert>
#include <cstdint>
#include <vector>

namespace fabula::engine {

// Thread: the engine thread alone.
class KvPool {
 public:
  explicit KvPool(int64_t n_blocks) : references_(static_cast<size_t>(n_blocks), 0) {
    free_.reserve(references_.size());
    for (int64_t block = n_blocks; block > 0; --block) free_.push_back(static_cast<int32_t>(block - 1));
  }

  // A block with one reference; -1: none is free.
  int32_t take_or_negative() {
    if (free_.empty()) return -1;
    const int32_t block = free_.back();
    free_.pop_back();
    references_[static_cast<size_t>(block)] = 1;
    return block;
  }
  void retain(int32_t block) {
    assert(references(block) > 0);
    ++references_[static_cast<size_t>(block)];
  }
  void release(int32_t block) {
    assert(references(block) > 0);
    if (--references_[static_cast<size_t>(block)] == 0) free_.push_back(block);
  }

  int references(int32_t block) const { return references_[static_cast<size_t>(block)]; }
  int64_t total() const { return static_cast<int64_t>(references_.size()); }
  int64_t used() const { return total() - static_cast<int64_t>(free_.size()); }

 private:
  std::vector<int32_t> references_;
  std::vector<int32_t> free_;
};

}  // namespace fabula::engine
