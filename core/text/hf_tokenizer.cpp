// tokenizer.json: added tokens, normalizer, pre-tokenizer, model, post-processor and decoder put together.
#include <array>

#include "core/base/hash.h"
#include "core/text/added_tokens.h"
#include "core/text/byte_alphabet.h"
#include "core/text/decoder.h"
#include "core/text/hf_json.h"
#include "core/text/hf_models.h"
#include "core/text/hf_pretokenizer.h"
#include "core/text/tokenizer.h"

namespace fabula::text {

namespace {

// What a post-processor puts around one text.
struct Surround {
  std::vector<TokenId> before, behind;
};

struct Parts {
  std::unique_ptr<Normalizer> normalizer;
  PreTokenizerChain pretokenizer;
  std::unique_ptr<HfModel> model;
  std::unique_ptr<Decoder> decoder;
  AddedTokens added;
  Surround surround;
  std::vector<std::string> tokens;  // by id, added ones included; "" where there is none
  std::vector<TokenKind> kinds;
  TokenId bos = -1, eos = -1;
  std::string fingerprint;
};

class HfStream final : public DecodeStream {
 public:
  HfStream(const Parts& parts, bool keep_special, bool continues)
      : parts_(parts), keep_special_(keep_special) {
    parts.decoder->add_stages(stages_, continues);
  }

  void push(TokenId id, std::string& out) override {
    const auto i = static_cast<size_t>(id);
    if (id < 0 || i >= parts_.tokens.size() || parts_.tokens[i].empty()) return;
    const AddedToken* added = parts_.added.find_or_null(id);
    if (!keep_special_ && added && added->special) return;
    std::vector<std::string> tokens(1, added ? added->written : parts_.tokens[i]);
    run(std::move(tokens), 0, out);
  }

  void finish(std::string& out) override {
    for (size_t stage = 0; stage < stages_.size(); ++stage) {
      std::vector<std::string> tokens;
      stages_[stage]->finish(tokens);
      run(std::move(tokens), stage + 1, out);
    }
  }

 private:
  void run(std::vector<std::string> tokens, size_t stage, std::string& out) {
    for (; stage < stages_.size() && !tokens.empty(); ++stage) {
      std::vector<std::string> next;
      for (std::string& token : tokens) stages_[stage]->push(std::move(token), next);
      tokens = std::move(next);
    }
    for (const std::string& token : tokens) out += token;
  }

  const Parts& parts_;
  bool keep_special_;
  std::vector<std::unique_ptr<DecoderStage>> stages_;
};

class HfTokenizer final : public Tokenizer {
 public:
  explicit HfTokenizer(Parts parts) : parts_(std::move(parts)) {
    parts_.added.set_normalizer(parts_.normalizer.get());
  }

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override {
    return encode_cut(text, {}, options.parse_special, options.add_special, options.continues);
  }

  std::vector<TokenId> encode_with_plain_ranges(std::string_view text, std::span<const TextRange> plain,
                                                bool add_special) const override {
    return encode_cut(text, plain, true, add_special, false);
  }

  std::string token_bytes(TokenId id, bool keep_special) const override {
    const AddedToken* added = parts_.added.find_or_null(id);
    if (added) return added->special && !keep_special ? std::string() : added->content;
    const std::string token(token_text_or_empty(id));
    if (kind(id) == TokenKind::byte)
      return std::string(1, static_cast<char>(std::stoi(token.substr(3, 2), nullptr, 16)));
    std::string bytes;
    if (parts_.pretokenizer.ends_in_byte_alphabet) return from_byte_alphabet(token, bytes) ? bytes : token;
    std::string out;
    HfStream stream(parts_, keep_special, true);
    stream.push(id, out);
    stream.finish(out);
    return out;
  }

  std::unique_ptr<DecodeStream> open_stream(bool keep_special, bool continues) const override {
    return std::make_unique<HfStream>(parts_, keep_special, continues);
  }

  int32_t vocab_size() const override { return static_cast<int32_t>(parts_.tokens.size()); }
  TokenKind kind(TokenId id) const override {
    return id >= 0 && static_cast<size_t>(id) < parts_.kinds.size() ? parts_.kinds[static_cast<size_t>(id)]
                                                                    : TokenKind::unused;
  }
  TokenId find_or_negative(std::string_view text) const override {
    const TokenId added = parts_.added.find_or_negative(text);
    return added >= 0 ? added : parts_.model->vocabulary.index.find_or_negative(text);
  }
  std::string_view token_text_or_empty(TokenId id) const override {
    return id >= 0 && static_cast<size_t>(id) < parts_.tokens.size()
               ? std::string_view(parts_.tokens[static_cast<size_t>(id)])
               : std::string_view();
  }
  TokenId bos_or_negative() const override { return parts_.bos; }
  TokenId eos_or_negative() const override { return parts_.eos; }
  bool adds_bos() const override {
    return parts_.bos >= 0 && !parts_.surround.before.empty() && parts_.surround.before[0] == parts_.bos;
  }
  const std::string& fingerprint() const override { return parts_.fingerprint; }

  void set_ends(TokenId bos, TokenId eos) {  // while loading
    parts_.bos = bos;
    parts_.eos = eos;
  }

 private:
  std::vector<TokenId> encode_cut(std::string_view text, std::span<const TextRange> plain, bool parse_special,
                                  bool add_special, bool continues) const {
    std::string repaired;
    std::vector<TextRange> moved;
    if (!is_valid_utf8(text)) {
      repaired = repair(text, plain, moved);
      text = repaired;
      plain = moved;
    }
    std::vector<TokenId> ids;
    if (add_special) ids = parts_.surround.before;
    HfScratch scratch(text.size());
    for (AddedPart& part : parts_.added.cut(text, plain, parse_special, continues)) {
      if (part.id >= 0)
        ids.push_back(part.id);
      else
        encode_part(std::move(part), continues, scratch, ids);
    }
    if (add_special) ids.insert(ids.end(), parts_.surround.behind.begin(), parts_.surround.behind.end());
    return ids;
  }

  // U+FFFD for what is ill-formed, the ranges moved along.
  static std::string repair(std::string_view text, std::span<const TextRange> plain,
                            std::vector<TextRange>& moved) {
    std::string out;
    size_t at = 0;
    for (const TextRange& range : plain) {
      out += replace_invalid_utf8(text.substr(at, range.begin - at));
      moved.push_back({out.size(), 0});
      out += replace_invalid_utf8(text.substr(range.begin, range.end - range.begin));
      moved.back().end = out.size();
      at = range.end;
    }
    return out += replace_invalid_utf8(text.substr(at));
  }

  void encode_part(AddedPart part, bool continues, HfScratch& scratch, std::vector<TokenId>& ids) const {
    Pieces pieces;
    pieces.text = std::move(part.text);
    pieces.spans.push_back({0, pieces.text.size()});
    pieces.at_beginning = part.at_beginning;
    pieces.continues = continues;
    for (const auto& step : parts_.pretokenizer.steps) step->apply(pieces);
    for (const Match& span : pieces.spans)
      parts_.model->encode(std::string_view(pieces.text).substr(span.begin, span.end - span.begin), scratch,
                           ids);
  }

  Parts parts_;
};

Status read_added(const Json& list, Parts& parts) {
  if (list.is_null()) return {};
  if (!list.is_array()) return wrong_field("tokenizer", "added_tokens", "a list");
  for (const Json& item : list) {
    AddedToken token;
    FABULA_ASSIGN(token.content, string_field(item, "added_tokens", "content"));
    FABULA_ASSIGN(token.id, id_value(field_or_null(item, "id"), "added_tokens", "id"));
    FABULA_ASSIGN(token.single_word, bool_field_or(item, "added_tokens", "single_word", false));
    FABULA_ASSIGN(token.lstrip, bool_field_or(item, "added_tokens", "lstrip", false));
    FABULA_ASSIGN(token.rstrip, bool_field_or(item, "added_tokens", "rstrip", false));
    FABULA_ASSIGN(token.special, bool_field_or(item, "added_tokens", "special", false));
    FABULA_ASSIGN(token.normalized, bool_field_or(item, "added_tokens", "normalized", !token.special));
    const TokenId known = parts.model->vocabulary.index.find_or_negative(token.content);
    if (known >= 0) token.id = known;
    if (static_cast<size_t>(token.id) > parts.model->vocabulary.tokens.size() + list.size() * 8 + 65536)
      return wrong_field("added_tokens", "id", "near the vocabulary's");
    parts.added.add(std::move(token));
  }
  return {};
}

// The ids of one special token of a template: {"id": "<s>", "ids": [1], ...} in special_tokens.
Status append_template_token(const Json& specials, const std::string& name, std::vector<TokenId>& ids) {
  const Json& ids_json = field_or_null(field_or_null(specials, name), "ids");
  if (!ids_json.is_array()) return wrong_field("post_processor.special_tokens", name, "a list of ids");
  for (const Json& value : ids_json) {
    FABULA_ASSIGN(const TokenId id, id_value(value, "post_processor", "ids"));
    ids.push_back(id);
  }
  return {};
}

Result<Surround> read_template(const Json& json) {
  const Json& single = field_or_null(json, "single");
  if (!single.is_array()) return wrong_field("post_processor", "single", "a list");
  Surround made;
  bool behind = false;
  for (const Json& item : single) {
    if (!field_or_null(item, "Sequence").is_null()) {
      behind = true;
      continue;
    }
    FABULA_ASSIGN(const std::string name,
                  string_field(field_or_null(item, "SpecialToken"), "post_processor.single", "id"));
    FABULA_TRY(append_template_token(field_or_null(json, "special_tokens"), name,
                                     behind ? made.behind : made.before));
  }
  return made;
}

Result<Surround> read_post_processor(const Json& json, int depth) {
  Surround made;
  if (json.is_null()) return made;
  if (depth > 16) return wrong_field("post_processor", "processors", "nested less deeply");
  FABULA_ASSIGN(const std::string type, type_of(json, "post_processor"));
  if (type == "ByteLevel") return made;
  if (type == "TemplateProcessing") return read_template(json);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    const auto id_of = [&](std::string_view key) -> Result<TokenId> {
      const Json& pair = field_or_null(json, key);
      if (!pair.is_array() || pair.size() != 2) return wrong_field("post_processor", key, "[token, id]");
      return id_value(pair[1], "post_processor", key);
    };
    FABULA_ASSIGN(const TokenId cls, id_of("cls"));
    FABULA_ASSIGN(const TokenId sep, id_of("sep"));
    return Surround{{cls}, {sep}};
  }
  if (type != "Sequence") return unknown_type("post-processor", type);
  const Json& list = field_or_null(json, "processors");
  if (!list.is_array()) return wrong_field("post_processor", "processors", "a list");
  for (const Json& item : list) {
    FABULA_ASSIGN(const Surround outer, read_post_processor(item, depth + 1));
    made.before.insert(made.before.begin(), outer.before.begin(), outer.before.end());
    made.behind.insert(made.behind.end(), outer.behind.begin(), outer.behind.end());
  }
  return made;
}

void list_tokens(Parts& parts) {
  parts.tokens = std::move(parts.model->vocabulary.tokens);
  for (const AddedToken& token : parts.added.all())
    if (static_cast<size_t>(token.id) >= parts.tokens.size())
      parts.tokens.resize(static_cast<size_t>(token.id) + 1);
  parts.kinds.assign(parts.tokens.size(), TokenKind::normal);
  const auto set = [&](TokenId id, TokenKind kind) {
    if (id >= 0 && static_cast<size_t>(id) < parts.kinds.size()) parts.kinds[static_cast<size_t>(id)] = kind;
  };
  if (parts.model->byte_fallback)
    for (const TokenId id : byte_tokens(parts.model->vocabulary)) set(id, TokenKind::byte);
  for (const AddedToken& token : parts.added.all()) {
    parts.tokens[static_cast<size_t>(token.id)] = token.content;
    set(token.id, token.special ? TokenKind::control : TokenKind::user_defined);
  }
  set(parts.model->unknown, TokenKind::unknown);
}

// A token of tokenizer_config.json: "<s>" or {"content": "<s>", ...}.
TokenId configured_token(const Json& config, std::string_view key, const HfTokenizer& tokenizer) {
  const Json& value = field_or_null(config, key);
  const std::string text =
      value.is_object() ? string_field_or(value, "content", "") : string_field_or(config, key, "");
  return text.empty() ? -1 : tokenizer.find_or_negative(text);
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> make_tokenizer_from_hf_json(std::string_view tokenizer_json,
                                                                     std::string_view config_json) {
  FABULA_ASSIGN(Json json, parse_json(tokenizer_json, "tokenizer.json"));
  Json config;
  if (!config_json.empty()) {
    FABULA_ASSIGN(config, parse_json(config_json, "tokenizer_config.json"));
  }
  if (!json.is_object()) return Error{ErrorCode::corrupt, "tokenizer.json: not an object"};
  Parts parts;
  FABULA_ASSIGN(parts.normalizer, make_normalizer(field_or_null(json, "normalizer")));
  FABULA_ASSIGN(parts.pretokenizer, make_pretokenizer(field_or_null(json, "pre_tokenizer")));
  const Json& model = field_or_null(json, "model");
  if (parts.pretokenizer.ends_in_byte_alphabet && !is_bpe(model)) {
    parts.pretokenizer.steps.push_back(make_byte_alphabet_step());
    parts.pretokenizer.ends_in_byte_alphabet = false;
  }
  FABULA_ASSIGN(parts.model, make_hf_model(model, parts.pretokenizer.ends_in_byte_alphabet));
  FABULA_ASSIGN(parts.decoder, make_decoder(field_or_null(json, "decoder")));
  FABULA_ASSIGN(parts.surround, read_post_processor(field_or_null(json, "post_processor"), 0));
  parts.added.set_normalizer(parts.normalizer.get());
  FABULA_TRY(read_added(field_or_null(json, "added_tokens"), parts));
  parts.added.build();
  list_tokens(parts);
  Sha256 hash;
  hash.update("hf 1");
  hash.update(tokenizer_json);
  parts.fingerprint = to_hex(hash.finish());
  const TokenId first = parts.surround.before.empty() ? -1 : parts.surround.before[0];
  auto made = std::make_shared<HfTokenizer>(std::move(parts));
  const TokenId bos = configured_token(config, "bos_token", *made),
                eos = configured_token(config, "eos_token", *made);
  made->set_ends(bos >= 0 ? bos : first, eos);
  return std::shared_ptr<const Tokenizer>(std::move(made));
}

}  // namespace fabula::text
