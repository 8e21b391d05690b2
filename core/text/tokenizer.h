// Text to token ids and back, exactly as the model's own tokenizer does it.
// Goals: equal ids to Hugging Face for tokenizer.json, to llama.cpp for GGUF vocabularies, to SentencePiece for .model;
// untrusted input everywhere. Non-goals: training, offsets into the normalised text.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/base/utf8.h"

namespace fabula::text {

using TokenId = int32_t;

enum class TokenKind : uint8_t { normal, unknown, control, user_defined, unused, byte };  // GGUF's token types

// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0, end = 0;
};

// One running decode, of one tokenizer. Append-only: what was written is never taken back. Not thread safe.
class DecodeStream {
 public:
  virtual ~DecodeStream() = default;
  virtual void push(TokenId id, std::string& out) = 0;
  virtual void finish(std::string& out) = 0;
};

struct EncodeOptions {
  bool add_special = true;    // what the tokenizer itself puts around a text (BOS, EOS)
  bool parse_special = true;  // special tokens written in the text become their ids; false: they are plain text
  bool continues = false;     // the text goes on from one encoded before: no space is put in front of it
};

// Immutable after loading. Thread: const calls from any thread at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // `text` should be UTF-8; ill-formed bytes are handled as the reference does (U+FFFD, or byte tokens for GGUF).
  virtual std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options = {}) const = 0;

  // Special tokens are read in the template's own text, never inside `plain` (what a user or a model wrote): sorted,
  // disjoint byte ranges of `text`. One pass over the whole text: where no range holds the text of a special token, the ids
  // are those of encode(text, {add_special, true}); where one does, it is tokenised as plain text in its place.
  virtual std::vector<TokenId> encode_with_plain_ranges(std::string_view text, std::span<const TextRange> plain,
                                                        bool add_special) const = 0;

  // Whole-sequence decode with the tokenizer's decoder rules (leading-space stripping, clean-up). Unknown ids give nothing.
  // Always well-formed UTF-8.
  std::string decode(std::span<const TokenId> ids, bool keep_special) const;

  // The bytes that one token adds in the middle of a text; may be part of a character. Special tokens give their text
  // where keep_special. Streaming is TokenStream below.
  virtual std::string token_bytes(TokenId id, bool keep_special) const = 0;

  // The decode of decode(), one token at a time. `continues`: the ids follow on a text that is shown already, so that no
  // first-token rule applies (a story goes on with " there", not "there").
  virtual std::unique_ptr<DecodeStream> open_stream(bool keep_special, bool continues) const = 0;

  virtual int32_t vocab_size() const = 0;
  virtual TokenKind kind(TokenId id) const = 0;
  bool is_special(TokenId id) const { return kind(id) == TokenKind::control || kind(id) == TokenKind::unknown; }
  virtual TokenId find_or_negative(std::string_view token_text) const = 0;  // exact vocabulary entry, added tokens included
  virtual std::string_view token_text_or_empty(TokenId id) const = 0;       // the vocabulary entry as written

  virtual TokenId bos_or_negative() const = 0;
  virtual TokenId eos_or_negative() const = 0;
  virtual bool adds_bos() const = 0;

  // Stable across runs: a hash of everything that decides on ids. Messages keep it beside their tokens.
  virtual const std::string& fingerprint() const = 0;
};

// What a stream of tokens shows: whole characters only, first-token rules (stripped leading space) included.
// The concatenation of all pushes and finish() equals decode() of the same ids.
class TokenStream {
 public:
  // `continues`: see Tokenizer::open_stream.
  TokenStream(std::shared_ptr<const Tokenizer> tokenizer, bool keep_special, bool continues = false);
  ~TokenStream();
  TokenStream(TokenStream&&) noexcept;
  TokenStream& operator=(TokenStream&&) noexcept;

  std::string push(TokenId id);
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A vocabulary as GGUF's tokenizer.ggml.* keys give it; core/model fills it so that this room needs no file format.
struct VocabSpec {
  std::string model;              // "gpt2", "llama", "bert", ...; an unknown one is refused by name
  std::string pre;                // "smollm", "llama-bpe", ...; an unknown one is refused by name
  std::vector<std::string> tokens;
  std::vector<float> scores;        // empty or one per token
  std::vector<int32_t> token_types; // empty or one per token, GGUF numbering
  std::vector<std::string> merges;  // "left right"
  TokenId bos = -1, eos = -1, eot = -1, eom = -1, unknown = -1, padding = -1, separator = -1;
  int add_bos = -1, add_eos = -1, add_space_prefix = -1, remove_extra_whitespaces = -1;  // -1: the key is absent
  std::string precompiled_charsmap;
  std::string model_name;  // general.name: llama.cpp strips the space behind special tokens of Phi-3 by it
};

// Errors of all three: corrupt, unsupported (algorithm, pre-tokenizer or normalizer by name).
Result<std::shared_ptr<const Tokenizer>> make_tokenizer_from_vocab(VocabSpec spec);

// `config_json` is tokenizer_config.json ("" where absent); it names BOS and EOS.
Result<std::shared_ptr<const Tokenizer>> make_tokenizer_from_hf_json(std::string_view tokenizer_json, std::string_view config_json);

// The bytes of a SentencePiece .model; a bounded reader of our own judges them before the library sees them (CVE-2026-1260).
// Alone the file does what the library does: no BOS, control symbols are never read in a text. `config_json`
// (tokenizer_config.json, "" where absent) adds what Hugging Face's slow tokenizers add: BOS, EOS, special tokens in the text.
Result<std::shared_ptr<const Tokenizer>> make_tokenizer_from_sentencepiece(std::string_view model_bytes,
                                                                           std::string_view config_json = {});

}  // namespace fabula::text
