// Sets of code points and of bytes: what one step of a grammar may read.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace fabula::grammar {

struct CodePointRange {
  char32_t first = 0, last = 0;  // both inside
};

// Sorted, disjoint, never empty ranges; surrogates are no characters and never inside.
class CodePoints {
 public:
  CodePoints() = default;
  CodePoints(std::initializer_list<CodePointRange> ranges);
  static CodePoints all();

  void add(char32_t first, char32_t last);
  void add(const CodePoints& other);
  CodePoints without(const CodePoints& other) const;
  CodePoints complement() const { return all().without(*this); }
  CodePoints common(const CodePoints& other) const { return without(other.complement()); }
  bool empty() const { return ranges_.empty(); }
  bool contains(char32_t c) const;
  const std::vector<CodePointRange>& ranges() const { return ranges_; }

 private:
  std::vector<CodePointRange> ranges_;
};

class ByteSet {
 public:
  void add(int first, int last) {
    for (int b = first; b <= last; ++b) words_[static_cast<std::size_t>(b) >> 6] |= uint64_t{1} << (b & 63);
  }
  bool contains(uint8_t b) const { return (words_[b >> 6] >> (b & 63)) & 1; }
  bool inside(const ByteSet& other) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      if (words_[i] & ~other.words_[i]) return false;
    return true;
  }
  void operator|=(const ByteSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  auto operator<=>(const ByteSet&) const = default;

 private:
  std::array<uint64_t, 4> words_{};
};

// The UTF-8 of a range of code points as rows of byte ranges, all characters of one row of equal length.
struct ByteSequence {
  int length = 0;
  std::array<uint8_t, 4> first{}, last{};
};
std::vector<ByteSequence> utf8_sequences(const CodePoints& set);

}  // namespace fabula::grammar
