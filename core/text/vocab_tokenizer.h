// The parts of the tokenizer of a GGUF vocabulary. They follow llama.cpp, whose files these are.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/text/block_words.h"
#include "core/text/bpe.h"
#include "core/text/pretokenizers.h"
#include "core/text/splitter.h"
#include "core/text/string_table.h"
#include "core/text/token_trie.h"
#include "core/text/tokenizer.h"
#include "core/text/word_cache.h"

namespace fabula::text {

struct Vocabulary {
  std::vector<std::string> tokens;
  std::vector<float> scores;  // empty or one per token
  std::vector<TokenKind> kinds;
  StringTable index;      // text -> id
  TokenId byte_ids[256];  // "<0xNN>", -1 where absent

  size_t size() const { return tokens.size(); }
  bool holds(TokenId id) const { return id >= 0 && static_cast<size_t>(id) < tokens.size(); }
};
Result<Vocabulary> make_vocabulary(VocabSpec& spec);

// A text cut at its special tokens: id < 0 is text, else the token.
struct Fragment {
  size_t begin, end;
  TokenId id;
};

// llama.cpp's order: the longest special token takes all its places first, then the next.
class SpecialTokens {
 public:
  SpecialTokens(const Vocabulary& vocabulary, std::string_view model_name);
  std::vector<Fragment> cut(std::string_view text, std::span<const TextRange> plain,
                            bool parse_special) const;

 private:
  const Vocabulary& vocabulary_;
  TokenTrie trie_;
  StringTable texts_;
  std::vector<size_t> lengths_;     // of all special tokens, the longest first
  std::vector<bool> strips_right_;  // by id
};

// What a model does with a text between special tokens.
class VocabModel {
 public:
  virtual ~VocabModel() = default;
  virtual void encode(std::string_view text, bool after_special, std::vector<TokenId>& ids) const = 0;
  virtual std::string piece(TokenId id) const = 0;  // the bytes of a token that is not special
};

Result<std::unique_ptr<VocabModel>> make_bpe_model(const Vocabulary& vocabulary, const PreTokenizer& pre,
                                                   std::vector<std::string> merges);
std::unique_ptr<VocabModel> make_spm_model(const Vocabulary& vocabulary, bool space_prefix, TokenId unknown);

// Decoding of llama.cpp's detokenize: pieces, without the first space where the model adds one, cleaned up
// where it says so.
struct VocabDecodeRules {
  bool space_prefix = false;
  bool clean_spaces = false;
  TokenId leading_bos =
      -1;  // a first token that is removed as a whole, so that no space is stripped behind it; -1: none
};
std::unique_ptr<DecodeStream> make_vocab_stream(const Tokenizer& tokenizer, const VocabDecodeRules& rules,
                                                bool keep_special, bool continues);

// Bytes of the character that begins with this byte, as llama.cpp reads UTF-8.
constexpr size_t length_of_lead(char c) {
  const auto lead = static_cast<unsigned char>(c);
  return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

std::string with_blocks_for_spaces(std::string_view text);
std::string with_spaces_for_blocks(std::string_view text);

}  // namespace fabula::text
