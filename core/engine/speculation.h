// Speculation without a second model: what followed the last few tokens earlier in the text is drafted and
// verified in one step (prompt lookup decoding, Saxena 2023). Logits do not depend on how many rows a step
// has, and random numbers come from positions (NUMERICS 6, 8): the words are those that would have come
// without it, only sooner.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace fabula::engine {

// Where each run of 3 tokens last ended in one sequence.
class NgramIndex {
 public:
  // `tokens` only grows between calls. What followed the last earlier occurrence of the final 3 tokens, at
  // most `most`.
  std::span<const int32_t> draft(std::span<const int32_t> tokens, size_t most);

 private:
  static constexpr size_t n = 3;
  size_t slot_of(const int32_t* gram) const;

  std::vector<int32_t>
      ends_;  // by hash, a power of two of them: the index after the run; 0: none. Checked when used.
  size_t indexed_ = 0;  // runs that end at or before this index are in
};

// Whether drafting pays, and how far: measured live, for each length in turn. Thread: the engine thread.
class DraftPolicy {
 public:
  static constexpr std::array<int, 3> lengths = {0, 3, 7};

  // Asked where there is something to draft. Steps without a draft are told too, wherever they come from.
  int choose_length();
  void tell(int length, int tokens_gained, double seconds);

 private:
  struct Arm {
    double tokens = 0, seconds = 0;
    int tries = 0;
  };
  std::array<Arm, lengths.size()> arms_;
  uint64_t asked_ = 0;
};

}  // namespace fabula::engine
