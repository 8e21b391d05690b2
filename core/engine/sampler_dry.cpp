#include "core/engine/sampler_dry.h"

#include <algorithm>

namespace fabula::engine {

namespace {

// z[i]: how far the text read backwards from place i agrees with the text read backwards from its end
// (Gusfield's Z algorithm over the reversed window; linear time).
void match_backwards(std::span<const int32_t> window, std::vector<int32_t>& z) {
  const size_t n = window.size();
  const auto at = [&](size_t i) { return window[n - 1 - i]; };
  z.resize(std::max(z.size(), n));
  size_t left = 0, right = 0;  // the match that reaches farthest: [left, right)
  for (size_t i = 1; i < n; ++i) {
    size_t length = i < right ? std::min(right - i, static_cast<size_t>(z[i - left])) : 0;
    while (i + length < n && at(length) == at(i + length)) ++length;
    if (i + length > right) left = i, right = i + length;
    z[i] = static_cast<int32_t>(length);
  }
}

// multiplier * base^exponent by repeated products, which are the same on every machine. Beyond 1e30 nothing changes.
float penalty(float multiplier, float base, int64_t exponent) {
  double value = static_cast<double>(multiplier);
  for (; exponent > 0 && base > 1 && value < 1e30; --exponent) value *= static_cast<double>(base);
  return static_cast<float>(value);
}

}  // namespace

void DryPenalties::apply(std::span<const int32_t> window, std::span<const uint8_t> breakers,
                         const SamplerSettings& settings, std::span<float> values) {
  const auto breaks = [&](int32_t token) {
    return token < 0 || static_cast<size_t>(token) >= values.size() ||
           (static_cast<size_t>(token) < breakers.size() && breakers[static_cast<size_t>(token)] != 0);
  };
  const size_t n = window.size();
  size_t until_breaker = 0;  // tokens at the end of the text without a breaker among them
  while (until_breaker < n && !breaks(window[n - 1 - until_breaker])) ++until_breaker;
  const auto allowed = static_cast<size_t>(settings.dry_allowed_length);
  if (until_breaker < allowed || n < 2) return;
  match_backwards(window, matched_);
  longest_.resize(values.size(), 0);
  const auto next_of = [&](size_t i) { return window[n - i]; };  // of the match that ends at place i from the end
  for (size_t i = 1; i < n; ++i) {
    const size_t length = std::min(static_cast<size_t>(matched_[i]), until_breaker);
    if (length < allowed || breaks(next_of(i))) continue;
    int32_t& longest = longest_[static_cast<size_t>(next_of(i))];
    longest = std::max(longest, static_cast<int32_t>(length));
  }
  for (size_t i = 1; i < n; ++i) {
    const int32_t token = next_of(i);
    if (breaks(token) || longest_[static_cast<size_t>(token)] == 0) continue;
    const auto id = static_cast<size_t>(token);
    values[id] -= penalty(settings.dry_multiplier, settings.dry_base,
                          static_cast<int64_t>(longest_[id]) - settings.dry_allowed_length);
    longest_[id] = 0;
  }
}

std::vector<uint8_t> breaker_tokens(size_t vocab, const std::function<std::string(int32_t)>& text_of,
                                    std::span<const std::string> breakers) {
  std::vector<uint8_t> out(vocab, 0);
  for (size_t id = 0; id < vocab; ++id) {
    const std::string text = text_of(static_cast<int32_t>(id));
    out[id] = std::ranges::any_of(breakers, [&](const std::string& b) { return text.find(b) != std::string::npos; });
  }
  return out;
}

BreakerTokens::Ptr BreakerTokens::of(size_t vocab, const std::function<std::string(int32_t)>& text_of, const std::vector<std::string>& breakers) {
  if (!tokens_ || texts_ != breakers) {
    tokens_ = std::make_shared<const std::vector<uint8_t>>(breaker_tokens(vocab, text_of, breakers));
    texts_ = breakers;
  }
  return tokens_;
}

}  // namespace fabula::engine
