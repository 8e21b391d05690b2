// Ids of words seen before in the same call. A text repeats its words, and merging one costs twenty times a
// look-up.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hash.h"

namespace fabula::text {

// Direct-mapped: a newer word takes an older one's place. Not thread safe; one per call.
class WordCache {
 public:
  // Nothing is kept for short texts: filling the table would cost more than it saves.
  explicit WordCache(size_t text_bytes) {
    size_t slots = 0;
    if (text_bytes >= 512)
      for (slots = 256; slots < text_bytes / 16 && slots < 32768;) slots *= 2;
    slots_.resize(slots);
  }

  std::span<const int32_t> find(std::string_view word) {
    if (slots_.empty() || word.size() > kLongestWord) return {};
    hash_ = fnv1a(word);
    const Slot& slot = slot_of(hash_);
    if (slot.hash != hash_ || slot.length != word.size()) return {};
    if (std::string_view(letters_).substr(slot.letters, slot.length) != word) return {};
    return std::span<const int32_t>(ids_).subspan(slot.ids, slot.n_ids);
  }

  // After a find() of the same word that found nothing.
  void keep(std::string_view word, std::span<const int32_t> ids) {
    if (slots_.empty() || word.size() > kLongestWord || ids.empty()) return;
    slot_of(hash_) = {hash_, letters_.size(), ids_.size(), static_cast<uint32_t>(word.size()),
                      static_cast<uint32_t>(ids.size())};
    letters_.append(word);
    ids_.insert(ids_.end(), ids.begin(), ids.end());
  }

 private:
  static constexpr size_t kLongestWord = 64;
  struct Slot {
    uint64_t hash = 0;
    size_t letters = 0, ids = 0;
    uint32_t length = 0, n_ids = 0;
  };
  Slot& slot_of(uint64_t hash) { return slots_[(hash ^ hash >> 32) & (slots_.size() - 1)]; }

  std::vector<Slot> slots_;
  std::string letters_;
  std::vector<int32_t> ids_;
  uint64_t hash_ = 0;
};

}  // namespace fabula::text
