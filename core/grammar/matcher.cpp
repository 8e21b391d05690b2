#include "core/grammar/matcher.h"

#include <algorithm>
#include <bit>

namespace fabula::grammar {

namespace {

constexpr size_t max_states = 20'000;                // a few MB of moves
constexpr size_t max_mask_bytes = size_t{4} << 20;  // about 650 masks of a 49k vocabulary

}  // namespace

bool TokenMask::empty() const {
  return std::ranges::all_of(words_, [](uint64_t word) { return word == 0; });
}

size_t TokenMask::count() const {
  size_t n = 0;
  for (const uint64_t word : words_) n += static_cast<size_t>(std::popcount(word));
  return n;
}

Matcher::Matcher(std::shared_ptr<const Constraint> constraint, std::span<const int32_t> end_tokens, size_t vocab)
    : constraint_(std::move(constraint)),
      vocab_(vocab),
      stacks_(constraint_->grammar),
      state_(stacks_.start()),
      path_(static_cast<size_t>(constraint_->vocabulary->max_depth()) + 1) {
  for (const int32_t token : end_tokens)
    if (token >= 0 && static_cast<size_t>(token) < vocab_) end_tokens_.push_back(token);
}

const TokenMask& Matcher::allowed() {
  keep_small();
  const auto known = masks_.find(state_);
  if (known != masks_.end()) return known->second;
  TokenMask mask = compute_mask();
  mask_bytes_ += mask.bytes();
  return masks_.emplace(state_, std::move(mask)).first->second;
}

TokenMask Matcher::compute_mask() {
  TokenMask mask(vocab_);
  if (state_ == StackSets::none) return mask;
  if (stacks_.accepting(state_))
    for (const int32_t token : end_tokens_) mask.allow(token);
  const Vocabulary& vocabulary = *constraint_->vocabulary;
  const auto& nodes = vocabulary.nodes();
  path_[0] = state_;
  for (size_t i = 1; i < nodes.size();) {
    const Vocabulary::Node& node = nodes[i];
    const SetId before = path_[size_t{node.depth} - 1];
    const SetId here = stacks_.next(before, node.byte);
    if (here == StackSets::none) {
      i = static_cast<size_t>(node.end);
      continue;
    }
    path_[node.depth] = here;
    if (here == before && node.below >= 0 && vocabulary.bytes_below(node).inside(stacks_.stays(here))) {
      const bool last = static_cast<size_t>(node.end) == nodes.size();
      const auto end = last ? static_cast<int32_t>(vocabulary.order().size())
                            : nodes[static_cast<size_t>(node.end)].tokens;
      take_range(mask, node.tokens, end);
      i = static_cast<size_t>(node.end);
      continue;
    }
    take_range(mask, node.tokens, node.tokens + node.tokens_here);
    ++i;
  }
  return mask;
}

void Matcher::take_range(TokenMask& mask, int32_t begin, int32_t end) const {
  const std::vector<int32_t>& order = constraint_->vocabulary->order();
  for (int32_t place = begin; place < end; ++place)
    if (const int32_t id = order[static_cast<size_t>(place)]; static_cast<size_t>(id) < vocab_) mask.allow(id);
}

SetId Matcher::after(SetId state, int32_t token) {
  const std::string_view bytes = constraint_->vocabulary->bytes_of(token);
  if (bytes.empty()) return StackSets::none;
  for (const char byte : bytes) {
    if (state == StackSets::none) break;
    state = stacks_.next(state, static_cast<uint8_t>(byte));
  }
  return state;
}

Status Matcher::advance(int32_t token) {
  const SetId next = state_ == StackSets::none ? StackSets::none : after(state_, token);
  if (stacks_.exhausted())
    return Error{ErrorCode::unsupported, "the grammar is too ambiguous to be followed"};
  const bool ends = may_end() && std::ranges::find(end_tokens_, token) != end_tokens_.end();
  if (next == StackSets::none && !ends)
    return Error{ErrorCode::invalid_argument,
                 "token " + std::to_string(token) + " does not fit what the reply must look like"};
  if (next != StackSets::none) state_ = next;
  return {};
}

size_t Matcher::fitting(std::span<const int32_t> tokens) {
  SetId state = state_;
  for (size_t i = 0; i < tokens.size(); ++i)
    if (state == StackSets::none || (state = after(state, tokens[i])) == StackSets::none) return i;
  return tokens.size();
}

void Matcher::keep_small() {
  if (state_ != StackSets::none && stacks_.size() > max_states) {
    state_ = stacks_.forget_all_but(state_);
    masks_.clear();
    mask_bytes_ = 0;
  }
  if (mask_bytes_ > max_mask_bytes) {
    masks_.clear();
    mask_bytes_ = 0;
  }
}

}  // namespace fabula::grammar
