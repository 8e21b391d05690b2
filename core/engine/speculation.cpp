#include "core/engine/speculation.h"

#include <algorithm>
#include <bit>

namespace fabula::engine {

size_t NgramIndex::slot_of(const int32_t* gram) const {
  uint64_t hash = 0;
  for (size_t i = 0; i < n; ++i) hash = (hash ^ static_cast<uint32_t>(gram[i])) * 0x9E3779B97F4A7C15ull;
  return static_cast<size_t>(hash >> 32) & (ends_.size() - 1);
}

std::span<const int32_t> NgramIndex::draft(std::span<const int32_t> tokens, size_t most) {
  if (tokens.size() <= n) return {};
  if (ends_.size() < tokens.size()) {  // twice the room, filed anew
    ends_.assign(std::bit_ceil(2 * tokens.size()), 0);
    indexed_ = n - 1;
  }
  // The final run itself stays out until there is a token behind it.
  for (; indexed_ + 1 < tokens.size(); ++indexed_)
    ends_[slot_of(&tokens[indexed_ + 1 - n])] = static_cast<int32_t>(indexed_ + 1);
  const auto last = tokens.last(n);
  const auto end = static_cast<size_t>(ends_[slot_of(last.data())]);
  if (end == 0 || !std::ranges::equal(tokens.subspan(end - n, n), last)) return {};
  return tokens.subspan(end, std::min(most, tokens.size() - end));
}

int DraftPolicy::choose_length() {
  constexpr int tries_before_judging = 4;
  constexpr uint64_t look_again_every =
      64;  // texts change: a length that did not pay is tried again now and then
  ++asked_;
  for (size_t arm = 0; arm < arms_.size(); ++arm)
    if (arms_[arm].tries < tries_before_judging) return lengths[arm];
  if (asked_ % look_again_every == 0) return lengths[(asked_ / look_again_every) % arms_.size()];
  const auto rate = [](const Arm& arm) { return arm.tokens / arm.seconds; };
  size_t best = 0;
  for (size_t arm = 1; arm < arms_.size(); ++arm)
    if (rate(arms_[arm]) > 1.05 * rate(arms_[best])) best = arm;  // a small gain is not worth the uneven pace
  return lengths[best];
}

void DraftPolicy::tell(int length, int tokens_gained, double seconds) {
  constexpr double memory = 0.9;  // about the last ten steps of each length
  const auto place = std::ranges::find(lengths, length) - lengths.begin();
  Arm& arm = arms_[static_cast<size_t>(place)];
  arm.tokens = memory * arm.tokens + tokens_gained;
  arm.seconds = memory * arm.seconds + std::max(seconds, 1e-9);
  arm.tries = std::min(arm.tries + 1, 1000);
}

}  // namespace fabula::engine
