// Byte strings to numbers: the vocabulary's index. One arena, one flat table, no allocation per entry.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace fabula::text {

class StringTable {
 public:
  void reserve(size_t entries, size_t bytes);

  // False where the text is there already; the first value stays.
  bool insert(std::string_view text, int32_t value);

  int32_t find_or_negative(std::string_view text) const {
    if (slots_.empty()) return -1;
    const uint64_t hash = hash_of(text);
    for (size_t slot = hash & mask_;; slot = (slot + 1) & mask_) {
      const uint32_t index = slots_[slot];
      if (index == 0) return -1;
      const Entry& entry = entries_[index - 1];
      if (entry.tag == static_cast<uint32_t>(hash >> 32) && entry.length == text.size() &&
          std::memcmp(arena_.data() + entry.offset, text.data(), text.size()) == 0)
        return entry.value;
    }
  }

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    size_t offset;
    uint32_t length;
    uint32_t tag;  // upper half of the hash
    int32_t value;
  };

  __extension__ using Wide = unsigned __int128;
  static uint64_t mix(uint64_t a, uint64_t b) {
    const auto product = static_cast<Wide>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
  }
  static uint64_t load(const char* bytes, size_t count) {
    uint64_t value = 0;
    std::memcpy(&value, bytes, count);
    return value;
  }
  static uint64_t hash_of(std::string_view text) {
    uint64_t state = text.size() * 0x9e3779b97f4a7c15ull;
    const char* at = text.data();
    size_t left = text.size();
    for (; left > 8; at += 8, left -= 8) state = mix(state ^ load(at, 8), 0xd6e8feb86659fd93ull);
    if (left > 0) state = mix(state ^ load(at, left), 0xa0761d6478bd642full);
    return mix(state ^ 0xe7037ed1a0b428dbull, 0x8ebc6af09c88c6e3ull);
  }
  void grow();

  std::string arena_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> slots_;  // index + 1 into entries_, 0 where empty; a power of two
  size_t mask_ = 0;
};

}  // namespace fabula::text
