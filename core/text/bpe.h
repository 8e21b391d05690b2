// Byte pair encoding (Sennrich et al., 2016): the merge step alone, on symbol ids. What the first symbols of
// a word are, and what is done with symbols that are no token, is the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fabula::text {

// (left, right) -> (rank, result). Rank 0 merges first.
class MergeTable {
 public:
  struct Merge {
    int32_t rank;
    int32_t result;
  };

  void reserve(size_t merges);
  // A pair that is there already keeps its merge, unless `overwrite` (Hugging Face lets the last win,
  // llama.cpp the first).
  void insert(int32_t left, int32_t right, Merge merge, bool overwrite);

  const Merge* find_or_null(int32_t left, int32_t right) const {
    if (slots_.empty()) return nullptr;
    const uint64_t key = key_of(left, right);
    for (size_t slot = slot_of(key);; slot = (slot + 1) & mask_) {
      if (slots_[slot].key == key) return &slots_[slot].merge;
      if (slots_[slot].key == kEmpty) return nullptr;
    }
  }
  size_t size() const { return used_; }

 private:
  struct Slot {
    uint64_t key;
    Merge merge;
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0};  // ids are never negative, so no pair has this key

  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t slot_of(uint64_t key) const {
    key *= 0x9e3779b97f4a7c15ull;
    return (key ^ key >> 32) & mask_;
  }
  void grow();

  std::vector<Slot> slots_;
  size_t mask_ = 0, used_ = 0;
};

// Room for one word's merges, kept from word to word. One per call, never shared.
struct BpeScratch {
  struct Node {
    int32_t id, previous, next;  // id -1: swallowed
  };
  struct Candidate {
    int32_t rank, at, left, right, result;
  };
  std::vector<Node> nodes;
  std::vector<Candidate> heap;
  std::vector<int32_t> ranks, results;
};

// Merges in place: always the lowest rank, the leftmost of equals. O(n log n).
void bpe_merge(const MergeTable& merges, std::vector<int32_t>& symbols, BpeScratch& scratch);

}  // namespace fabula::text
