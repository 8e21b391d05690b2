// DRY ("don't repeat yourself", p-e-w 2024): a token that would lengthen a repetition of at least allowed_length
// tokens loses multiplier * base^(length - allowed_length), where length is the longest match, anywhere in the
// window, of the text's end with what stood before that token. Matches stop at breakers, and neither a breaker
// nor what follows one is ever penalised.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/engine/sampler_settings.h"

namespace fabula::engine {

class DryPenalties {
 public:
  // Takes the penalties off `values` (vocab). window: the last tokens of the history, oldest first.
  // breakers: (vocab), or empty. O(window). Allocates only where the window is longer than ever before.
  void apply(std::span<const int32_t> window, std::span<const uint8_t> breakers, const SamplerSettings& settings,
             std::span<float> values);

 private:
  std::vector<int32_t> matched_;  // (window) per place, counted from the end: length of the match that ends there
  std::vector<int32_t> longest_;  // (vocab) per token, all 0 between calls
};

// (vocab) 1 for the tokens whose text holds one of the breakers.
std::vector<uint8_t> breaker_tokens(size_t vocab, const std::function<std::string(int32_t)>& text_of,
                                    std::span<const std::string> breakers);

// The last ones made: a vocabulary takes milliseconds. Thread: one at a time.
class BreakerTokens {
 public:
  using Ptr = std::shared_ptr<const std::vector<uint8_t>>;
  Ptr of(size_t vocab, const std::function<std::string(int32_t)>& text_of, const std::vector<std::string>& breakers);

 private:
  std::vector<std::string> texts_;
  Ptr tokens_;
};

}  // namespace fabula::engine
