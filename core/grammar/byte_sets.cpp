#include "core/grammar/byte_sets.h"

#include <algorithm>

#include "core/base/utf8.h"

namespace fabula::grammar {

namespace {

constexpr char32_t max_code_point = 0x10FFFF, first_surrogate = 0xD800, last_surrogate = 0xDFFF;

// Splits where the lengths of the encodings change, then where a continuation byte would not run its full
// range, until first and last differ only in ways that byte ranges can say.
void split(char32_t first, char32_t last, std::vector<ByteSequence>& out) {
  for (const char32_t edge : {char32_t{0x7F}, char32_t{0x7FF}, char32_t{0xFFFF}}) {
    if (first <= edge && edge < last) {
      split(first, edge, out);
      split(edge + 1, last, out);
      return;
    }
  }
  for (int low_bits = 6; low_bits <= 18 && last > 0x7F; low_bits += 6) {
    const char32_t mask = (char32_t{1} << low_bits) - 1;
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      split(first, first | mask, out);
      split((first | mask) + 1, last, out);
      return;
    }
    if ((last & mask) != mask) {
      split(first, (last & ~mask) - 1, out);
      split(last & ~mask, last, out);
      return;
    }
  }
  std::string low, high;
  append_utf8(low, first);
  append_utf8(high, last);
  ByteSequence sequence;
  sequence.length = static_cast<int>(low.size());
  for (size_t i = 0; i < low.size(); ++i) {
    sequence.first[i] = static_cast<uint8_t>(low[i]);
    sequence.last[i] = static_cast<uint8_t>(high[i]);
  }
  out.push_back(sequence);
}

}  // namespace

CodePoints::CodePoints(std::initializer_list<CodePointRange> ranges) {
  for (const CodePointRange& range : ranges) add(range.first, range.last);
}

CodePoints CodePoints::all() {
  return {{0, max_code_point}};
}

void CodePoints::add(char32_t first, char32_t last) {
  last = std::min(last, max_code_point);
  if (first > last) return;
  if (first <= last_surrogate && last >= first_surrogate) {
    if (first < first_surrogate) add(first, first_surrogate - 1);
    if (last > last_surrogate) add(last_surrogate + 1, last);
    return;
  }
  const auto after = std::ranges::upper_bound(ranges_, first, {}, &CodePointRange::first);
  ranges_.insert(after, {first, last});
  size_t kept = 0;  // joins what overlaps or touches
  for (size_t i = 1; i < ranges_.size(); ++i) {
    if (ranges_[i].first <= ranges_[kept].last + 1)
      ranges_[kept].last = std::max(ranges_[kept].last, ranges_[i].last);
    else
      ranges_[++kept] = ranges_[i];
  }
  ranges_.resize(kept + 1);
}

void CodePoints::add(const CodePoints& other) {
  for (const CodePointRange& range : other.ranges_) add(range.first, range.last);
}

CodePoints CodePoints::without(const CodePoints& other) const {
  CodePoints rest;
  for (const CodePointRange& range : ranges_) {
    char32_t from = range.first;
    for (const CodePointRange& hole : other.ranges_) {
      if (hole.last < from || hole.first > range.last) continue;
      if (hole.first > from) rest.add(from, hole.first - 1);
      from = hole.last + 1;
    }
    rest.add(from, range.last);  // nothing where from is behind the end
  }
  return rest;
}

bool CodePoints::contains(char32_t c) const {
  return std::ranges::any_of(ranges_, [c](const CodePointRange& r) { return r.first <= c && c <= r.last; });
}

std::vector<ByteSequence> utf8_sequences(const CodePoints& set) {
  std::vector<ByteSequence> sequences;
  for (const CodePointRange& range : set.ranges()) split(range.first, range.last, sequences);
  return sequences;
}

}  // namespace fabula::grammar
