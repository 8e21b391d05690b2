// Where a text of a SentencePiece-like vocabulary may be cut without changing what merges: before a run of
// U+2581 that no token bridges from the byte before it. Short words merge faster than one long text, and can
// be remembered.
#pragma once

#include <algorithm>
#include <bitset>
#include <string_view>

namespace fabula::text {

inline constexpr std::string_view kBlock = "\xe2\x96\x81";  // U+2581, SentencePiece's space

class BlockWords {
 public:
  // A token or the result of a merge.
  void learn(std::string_view token) {
    for (size_t at = next_run(token, 0); at < token.size(); at = next_run(token, at))
      bridged_.set(static_cast<unsigned char>(token[at - 1]));
  }

  // Behind the word that begins at `at`; at < text.size().
  size_t end_of_word(std::string_view text, size_t at) const {
    do at = next_run(text, at);
    while (at < text.size() && bridged_.test(static_cast<unsigned char>(text[at - 1])));
    return at;
  }

 private:
  // The next run of blocks that begins behind `at`, or the end.
  static size_t next_run(std::string_view text, size_t at) {
    while (text.compare(at, kBlock.size(), kBlock) == 0) at += kBlock.size();
    return std::min(text.find(kBlock, at), text.size());
  }
  std::bitset<256> bridged_;
};

}  // namespace fabula::text
