#include "core/text/string_table.h"

namespace fabula::text {

void StringTable::reserve(size_t entries, size_t bytes) {
  arena_.reserve(bytes);
  entries_.reserve(entries);
  while (slots_.size() < entries * 2) grow();
}

void StringTable::grow() {
  const size_t size = slots_.empty() ? 64 : slots_.size() * 2;
  slots_.assign(size, 0);
  mask_ = size - 1;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    size_t slot = hash_of({arena_.data() + entry.offset, entry.length}) & mask_;
    while (slots_[slot] != 0) slot = (slot + 1) & mask_;
    slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

bool StringTable::insert(std::string_view text, int32_t value) {
  if (find_or_negative(text) >= 0) return false;
  if (slots_.size() < (entries_.size() + 1) * 2) grow();
  const uint64_t hash = hash_of(text);
  entries_.push_back(
      {arena_.size(), static_cast<uint32_t>(text.size()), static_cast<uint32_t>(hash >> 32), value});
  arena_.append(text);
  size_t slot = hash & mask_;
  while (slots_[slot] != 0) slot = (slot + 1) & mask_;
  slots_[slot] = static_cast<uint32_t>(entries_.size());
  return true;
}

}  // namespace fabula::text
