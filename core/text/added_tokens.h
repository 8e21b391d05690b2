// Added tokens of tokenizer.json: found in the text before anything else happens to it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/text/normalizer.h"
#include "core/text/string_table.h"
#include "core/text/token_trie.h"
#include "core/text/tokenizer.h"

namespace fabula::text {

struct AddedToken {
  std::string content;
  TokenId id = -1;
  std::string written;  // what decoding writes: `content`, normalised where it is found in normalised text
                        // (as tokenizers >= 0.23)
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};

// A part of a text: normalised text where id < 0, else an added token.
struct AddedPart {
  std::string text;
  TokenId id = -1;
  bool at_beginning = false;  // the part begins where the user's text does
};

// Immutable after the last add(). Thread: const calls from any thread at once.
class AddedTokens {
 public:
  // `normalizer` may be null; it must outlive this.
  void set_normalizer(const Normalizer* normalizer) { normalizer_ = normalizer; }
  void add(AddedToken token);
  void build();  // once, after the last add()

  // Leftmost-longest, as Aho-Corasick finds them. Special tokens that touch a range of `plain` are text.
  // `continues`: the text's beginning is no beginning for the normaliser.
  std::vector<AddedPart> cut(std::string_view text, std::span<const TextRange> plain, bool parse_special,
                             bool continues = false) const;

  std::span<const AddedToken> all() const { return tokens_; }
  const AddedToken* find_or_null(TokenId id) const;
  TokenId find_or_negative(std::string_view content) const;

 private:
  struct Found {
    size_t begin, end;
    const AddedToken* token;
  };
  std::vector<Found> find(const TokenTrie& trie, std::string_view text, std::span<const TextRange> plain,
                          bool parse_special) const;
  void cut_normalized(std::string_view raw, std::span<const TextRange> plain, bool parse_special,
                      bool at_beginning, bool continues, std::vector<AddedPart>& parts) const;
  std::string normalize(std::string_view text, bool continues = false) const;

  const Normalizer* normalizer_ = nullptr;
  std::vector<AddedToken> tokens_;
  TokenTrie raw_, normalized_;  // values: places in tokens_
  std::vector<int32_t> by_id_;  // id -> place in tokens_, -1
  StringTable by_content_;      // -> place in tokens_
};

}  // namespace fabula::text
