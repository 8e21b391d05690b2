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

// Lets text through up to the first stop string, leaves out every hidden one; holds back an ending that may
// still become either. Hidden strings are the texts of end tokens: a small model may spell one in ordinary
// tokens before it writes the token itself.
class TextGate {
 public:
  TextGate(std::vector<std::string> stops, std::vector<std::string> hidden);

  std::string push(std::string_view text);  // what is safe to show now
  bool stopped() const { return stopped_; }
  std::string finish();  // what was held back for nothing

 private:
  std::vector<std::string> marks_;  // stop strings, then hidden ones
  size_t n_stops_ = 0;
  std::string held_;
  bool stopped_ = false;
};

class ReplyText {
 public:
  // `prompt`: the stream goes on where the prompt's text ends (a space before the first word is kept, a
  // character that the prompt began is completed).
  ReplyText(std::shared_ptr<const text::Tokenizer> tokenizer, std::span<const int32_t> prompt,
            std::vector<std::string> stops, std::vector<std::string> hidden);

  std::string push(int32_t token);
  bool stopped() const { return gate_.stopped(); }
  std::string finish();  // the rest, where generation ends for another reason than a stop string

 private:
  text::TokenStream stream_;
  TextGate gate_;
};

}  // namespace fabula::engine
