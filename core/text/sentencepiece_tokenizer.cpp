// A SentencePiece .model: encoding by the library, decoding by its rules one piece at a time.
#include <sentencepiece_processor.h>

#include <algorithm>
#include <cstddef>

#include "core/base/hash.h"
#include "core/text/added_tokens.h"
#include "core/text/block_words.h"
#include "core/text/hf_json.h"
#include "core/text/sentencepiece_check.h"

namespace fabula::text {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(SentencePieceFile file) : file_(std::move(file)) {
    for (size_t i = 0; i < file_.pieces.size(); ++i) index_.insert(file_.pieces[i], static_cast<int32_t>(i));
  }

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override {
    return encode_cut(text, {}, options.parse_special, options.add_special, options.continues);
  }
  std::vector<TokenId> encode_with_plain_ranges(std::string_view text, std::span<const TextRange> plain,
                                                bool add_special) const override {
    return encode_cut(text, plain, true, add_special, false);
  }

  std::string token_bytes(TokenId id, bool keep_special) const override;
  std::unique_ptr<DecodeStream> open_stream(bool keep_special, bool continues) const override;

  int32_t vocab_size() const override { return static_cast<int32_t>(file_.pieces.size()); }
  TokenKind kind(TokenId id) const override {
    return holds(id) ? file_.kinds[static_cast<size_t>(id)] : TokenKind::unused;
  }
  TokenId find_or_negative(std::string_view text) const override { return index_.find_or_negative(text); }
  std::string_view token_text_or_empty(TokenId id) const override {
    return holds(id) ? std::string_view(file_.pieces[static_cast<size_t>(id)]) : std::string_view();
  }
  TokenId bos_or_negative() const override { return bos; }
  TokenId eos_or_negative() const override { return eos; }
  bool adds_bos() const override { return prepends_bos; }
  const std::string& fingerprint() const override { return hash; }

  bool holds(TokenId id) const { return id >= 0 && static_cast<size_t>(id) < file_.pieces.size(); }
  const SentencePieceFile& file() const { return file_; }
  std::string denormalized(const std::vector<int>& ids) const {
    std::string text;
    return processor.Decode(ids, &text).ok() ? text : std::string();
  }
  void add_config(const Json& config);

  sentencepiece::SentencePieceProcessor processor;
  TokenId bos = -1, eos = -1;
  bool prepends_bos = false, appends_eos = false;
  std::string hash;

 private:
  std::vector<TokenId> encode_cut(std::string_view text, std::span<const TextRange> plain, bool parse_special,
                                  bool add_special, bool continues) const {
    std::vector<TokenId> ids;
    if (add_special && prepends_bos) ids.push_back(bos);
    for (const AddedPart& part : special_.cut(text, plain, parse_special)) {
      if (part.id >= 0)
        ids.push_back(part.id);
      else
        encode_part(part.text, continues && part.at_beginning, ids);
    }
    if (add_special && appends_eos) ids.push_back(eos);
    return ids;
  }

  // The library always puts its space in front. Behind a control character, which is part of no piece, it
  // cannot: what that alone gives is cut off again (as Hugging Face does with the unknown token).
  void encode_part(const std::string& text, bool continues, std::vector<TokenId>& ids) const {
    static constexpr std::string_view kGuard = "\x01";
    std::vector<int> part, guard;
    const std::string guarded = continues ? std::string(kGuard) + text : text;
    if (!processor.Encode(guarded, &part).ok()) return;
    if (continues && !processor.Encode(kGuard, &guard).ok()) return;
    const bool cuts = part.size() >= guard.size() && std::equal(guard.begin(), guard.end(), part.begin());
    ids.insert(ids.end(), part.begin() + static_cast<std::ptrdiff_t>(cuts ? guard.size() : 0), part.end());
  }

  SentencePieceFile file_;
  StringTable index_;
  AddedTokens special_;
};

// The rules of SentencePieceProcessor::Decode: the first space goes, a run of bytes is UTF-8 or U+FFFD for
// each byte that is not.
class SentencePieceStream final : public DecodeStream {
 public:
  SentencePieceStream(const SentencePieceTokenizer& tokenizer, bool keep_special, bool continues)
      : tokenizer_(tokenizer), keep_special_(keep_special), at_beginning_(!continues) {}

  void push(TokenId id, std::string& out) override {
    if (!tokenizer_.holds(id)) return;
    if (tokenizer_.kind(id) == TokenKind::byte) return push_byte(id, out);
    flush(out, true);
    if (tokenizer_.kind(id) == TokenKind::control) {
      if (keep_special_) out += tokenizer_.token_text_or_empty(id);
      return;
    }
    const SentencePieceFile& file = tokenizer_.file();
    std::string_view piece = tokenizer_.kind(id) == TokenKind::unknown
                                 ? std::string_view(file.unknown_surface)
                                 : tokenizer_.token_text_or_empty(id);
    const bool strips = at_beginning_ && (file.add_dummy_prefix || file.remove_extra_whitespaces) &&
                        tokenizer_.kind(id) != TokenKind::unknown;
    bool stripped = false;
    if (strips && piece.starts_with(kBlock)) {
      piece.remove_prefix(kBlock.size());
      stripped = !file.remove_extra_whitespaces;
    }
    if (stripped || !piece.empty()) at_beginning_ = false;
    append(piece, out);
  }

  void finish(std::string& out) override { flush(out, true); }

 private:
  void push_byte(TokenId id, std::string& out) {
    const std::string text(tokenizer_.token_text_or_empty(id).substr(3, 2));
    bytes_ += static_cast<char>(std::stoi(text, nullptr, 16));
    at_beginning_ = false;
    flush(out, false);
  }

  // Whole characters are written; the beginning of one waits unless the run is over.
  void flush(std::string& out, bool over) {
    while (!bytes_.empty()) {
      const auto lead = static_cast<unsigned char>(bytes_[0]);
      const size_t length = lead < 0x80                   ? 1
                            : lead >= 0xc2 && lead < 0xe0 ? 2
                            : lead >= 0xe0 && lead < 0xf0 ? 3
                            : lead >= 0xf0 && lead < 0xf5 ? 4
                                                          : 0;
      const bool whole =
          length > 0 && bytes_.size() >= length && is_valid_utf8(std::string_view(bytes_).substr(0, length));
      if (!whole && length > bytes_.size() && !over) return;
      out += whole ? std::string_view(bytes_).substr(0, length) : kReplacement;
      bytes_.erase(0, whole ? length : 1);
    }
  }

  static void append(std::string_view piece, std::string& out) {
    for (size_t at = 0; at < piece.size();) {
      const size_t block = std::min(piece.find(kBlock, at), piece.size());
      out += piece.substr(at, block - at);
      if (block < piece.size()) out += ' ';
      at = block + kBlock.size();
    }
  }

  const SentencePieceTokenizer& tokenizer_;
  bool keep_special_, at_beginning_;
  std::string bytes_;
};

// A model that rewrites its output is decoded as a whole.
class DenormalizingStream final : public DecodeStream {
 public:
  explicit DenormalizingStream(const SentencePieceTokenizer& tokenizer) : tokenizer_(tokenizer) {}
  void push(TokenId id, std::string&) override {
    if (tokenizer_.holds(id)) ids_.push_back(id);
  }
  void finish(std::string& out) override {
    out += tokenizer_.denormalized(ids_);
    ids_.clear();
  }

 private:
  const SentencePieceTokenizer& tokenizer_;
  std::vector<int> ids_;
};

std::unique_ptr<DecodeStream> SentencePieceTokenizer::open_stream(bool keep_special, bool continues) const {
  if (file_.denormalizes) return std::make_unique<DenormalizingStream>(*this);
  return std::make_unique<SentencePieceStream>(*this, keep_special, continues);
}

std::string SentencePieceTokenizer::token_bytes(TokenId id, bool keep_special) const {
  if (kind(id) == TokenKind::byte)
    return std::string(
        1, static_cast<char>(std::stoi(file_.pieces[static_cast<size_t>(id)].substr(3, 2), nullptr, 16)));
  std::string out;
  SentencePieceStream stream(*this, keep_special, true);
  stream.push(id, out);
  return out;
}

void SentencePieceTokenizer::add_config(const Json& config) {
  const bool llama = string_field_or(config, "tokenizer_class", "").starts_with("Llama");
  const auto flag = [&](std::string_view key, bool otherwise) {
    const Json& value = field_or_null(config, key);
    return value.is_boolean() ? value.get<bool>() : otherwise;
  };
  prepends_bos = flag("add_bos_token", llama) && bos >= 0;
  appends_eos = flag("add_eos_token", false) && eos >= 0;
  for (size_t i = 0; i < file_.pieces.size(); ++i)
    if (file_.kinds[i] == TokenKind::control || file_.kinds[i] == TokenKind::unknown)
      special_.add({.content = file_.pieces[i], .id = static_cast<TokenId>(i), .special = true});
  special_.build();
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> make_tokenizer_from_sentencepiece(std::string_view model_bytes,
                                                                           std::string_view config_json) {
  FABULA_ASSIGN(SentencePieceFile file, check_sentencepiece(model_bytes));
  auto made = std::make_shared<SentencePieceTokenizer>(std::move(file));
  const auto loaded = made->processor.LoadFromSerializedProto(model_bytes);
  if (!loaded.ok()) return Error{ErrorCode::corrupt, "SentencePiece model: " + std::string(loaded.message())};
  made->bos = made->processor.bos_id();
  made->eos = made->processor.eos_id();
  if (!config_json.empty()) {
    FABULA_ASSIGN(const Json config, parse_json(config_json, "tokenizer_config.json"));
    made->add_config(config);
  }
  Sha256 hash;
  hash.update("sentencepiece 1");
  hash.update(model_bytes);
  hash.update_value(static_cast<uint8_t>(made->prepends_bos * 2 + made->appends_eos));
  made->hash = to_hex(hash.finish());
  return std::shared_ptr<const Tokenizer>(std::move(made));
}

}  // namespace fabula::text
