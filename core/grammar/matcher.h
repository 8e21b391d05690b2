// One reply held to its grammar: which tokens may come next, and what becomes of it when one does.
//
// Masks are computed by one walk over the vocabulary's tree; subtrees all of whose bytes leave the state as it
// is (the inside of a string) are taken whole. Masks and moves are kept by state, so that states that come back
// cost nothing. The ideas: Willard and Louf 2023; Dong et al. 2024 (XGrammar); llguidance.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/base/result.h"
#include "core/grammar/constraint.h"
#include "core/grammar/stack_sets.h"

namespace fabula::grammar {

// One bit per id.
class TokenMask {
 public:
  explicit TokenMask(size_t vocab) : words_((vocab + 63) / 64) {}
  void allow(int32_t token) { words_[static_cast<size_t>(token) >> 6] |= uint64_t{1} << (token & 63); }
  bool allows(int32_t token) const { return (words_[static_cast<size_t>(token) >> 6] >> (token & 63)) & 1; }
  bool empty() const;
  size_t count() const;
  size_t bytes() const { return words_.size() * sizeof(uint64_t); }
  std::span<const uint64_t> words() const { return words_; }

 private:
  std::vector<uint64_t> words_;
};

// Thread: one at a time.
class Matcher {
 public:
  // `end_tokens` may be chosen where the text may end. `vocab`: the model's, may be larger than the tokenizer's.
  Matcher(std::shared_ptr<const Constraint> constraint, std::span<const int32_t> end_tokens, size_t vocab);

  // Valid until the next call. Empty: nothing may follow.
  const TokenMask& allowed();
  bool may_end() const { return state_ != StackSets::none && stacks_.accepting(state_); }

  // Errors: invalid_argument (the token does not fit; the state is as before), unsupported (the grammar is too
  // ambiguous to follow).
  Status advance(int32_t token);
  // How many of these tokens fit one after the other; changes nothing.
  size_t fitting(std::span<const int32_t> tokens);

 private:
  SetId after(SetId state, int32_t token);
  TokenMask compute_mask();
  void take_range(TokenMask& mask, int32_t begin, int32_t end) const;
  void keep_small();

  std::shared_ptr<const Constraint> constraint_;
  std::vector<int32_t> end_tokens_;
  size_t vocab_;
  StackSets stacks_;
  SetId state_;
  std::unordered_map<SetId, TokenMask> masks_;
  size_t mask_bytes_ = 0;
  std::vector<SetId> path_;  // of the walk: the state at each depth
};

}  // namespace fabula::grammar
