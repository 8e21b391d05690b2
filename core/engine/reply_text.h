// From tokens to the text that a reader may see: whole characters, no end token, nothing of a stop string.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/tokenizer.h"

namespace fabula::engine {

// Lets text through up to the first stop string; holds back an ending that may still become one.
class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops);

  std::string push(std::string_view text);  // what is safe to show now
  bool matched() const { return matched_; }
  std::string finish();  // what was held back for nothing

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool matched_ = false;
};

class ReplyText {
 public:
  // `prompt`: the stream goes on where the prompt's text ends (a space before the first word is kept, a
  // character that the prompt began is completed).
  ReplyText(std::shared_ptr<const text::Tokenizer> tokenizer, std::span<const int32_t> prompt,
            std::vector<std::string> stops);

  std::string push(int32_t token);
  bool stopped() const { return stops_.matched(); }
  std::string finish();  // the rest, where generation ends for another reason than a stop string

 private:
  text::TokenStream stream_;
  StopMatcher stops_;
};

}  // namespace fabula::engine
