#include "core/text/vocab_tokenizer.h"

#include <memory>

#include "core/base/hash.h"

namespace fabula::text {

namespace {

// The token texts on which llama.cpp ends a generation; it takes them for control tokens whatever the file
// says.
constexpr std::string_view kEndTexts[] = {"<|eot_id|>",
                                          "<|im_end|>",
                                          "<|end|>",
                                          "<|return|>",
                                          "<|call|>",
                                          "<|flush|>",
                                          "<|calls|>",
                                          "<end_of_turn>",
                                          "<|endoftext|>",
                                          "</s>",
                                          "<|eom_id|>",
                                          "<EOT>",
                                          "_<EOT>",
                                          "[EOT]",
                                          "[EOS]",
                                          "<|end_of_text|>",
                                          "<end_of_utterance>",
                                          "<eos>",
                                          "<turn|>",
                                          "<|tool_response>",
                                          "<｜end▁of▁sentence｜>",
                                          "[e~["};
// GPT-OSS's channel markers, always rendered.
constexpr std::string_view kShownTexts[] = {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"};

void adjust_kinds(Vocabulary& vocabulary) {
  const auto set = [&](std::string_view text, TokenKind kind) {
    const TokenId id = vocabulary.index.find_or_negative(text);
    if (id >= 0) vocabulary.kinds[static_cast<size_t>(id)] = kind;
  };
  const auto has = [&](std::string_view text) { return vocabulary.index.find_or_negative(text) >= 0; };
  for (const auto text : kEndTexts) set(text, TokenKind::control);
  for (const auto text : kShownTexts) set(text, TokenKind::user_defined);
  const bool calls = has("<|call|>") || has("<|calls|>");
  if (calls && (has("<|return|>") || has("<|flush|>"))) set("<|end|>", TokenKind::user_defined);
  if (has("<|tool_response>")) set("</s>", TokenKind::normal);
}

TokenKind kind_of_gguf(int32_t type) {
  switch (type) {
    case 2: return TokenKind::unknown;
    case 3: return TokenKind::control;
    case 4: return TokenKind::user_defined;
    case 5: return TokenKind::unused;
    case 6: return TokenKind::byte;
    default: return TokenKind::normal;
  }
}

std::string fingerprint_of(const VocabSpec& spec) {
  Sha256 hash;
  const auto add = [&](std::string_view text) {
    hash.update_value(static_cast<uint64_t>(text.size()));
    hash.update(text);
  };
  add("gguf 1");
  add(spec.model);
  add(spec.pre);
  for (const auto& token : spec.tokens) add(token);
  for (const auto& merge : spec.merges) add(merge);
  hash.update(spec.scores.data(), spec.scores.size() * sizeof(float));
  hash.update(spec.token_types.data(), spec.token_types.size() * sizeof(int32_t));
  for (const int32_t value : {spec.bos, spec.eos, spec.unknown, spec.add_bos, spec.add_eos,
                              spec.add_space_prefix, spec.remove_extra_whitespaces})
    hash.update_value(value);
  add(spec.precompiled_charsmap);
  return to_hex(hash.finish());
}

class VocabTokenizer final : public Tokenizer {
 public:
  VocabTokenizer(Vocabulary vocabulary, std::string_view model_name)
      : vocabulary_(std::move(vocabulary)), special_(vocabulary_, model_name) {}

  std::vector<TokenId> encode(std::string_view text, const EncodeOptions& options) const override {
    return encode_cut(text, {}, options.parse_special, options.add_special, options.continues);
  }

  std::vector<TokenId> encode_with_plain_ranges(std::string_view text, std::span<const TextRange> plain,
                                                bool add_special) const override {
    return encode_cut(text, plain, true, add_special, false);
  }

  std::string token_bytes(TokenId id, bool keep_special) const override {
    if (!vocabulary_.holds(id)) return {};
    switch (kind(id)) {
      case TokenKind::control:
      case TokenKind::unknown:
        return keep_special ? vocabulary_.tokens[static_cast<size_t>(id)] : std::string();
      case TokenKind::user_defined: return vocabulary_.tokens[static_cast<size_t>(id)];
      case TokenKind::unused: return {};
      default: return model->piece(id);
    }
  }

  std::unique_ptr<DecodeStream> open_stream(bool keep_special, bool continues) const override {
    return make_vocab_stream(*this, decode_rules, keep_special, continues);
  }

  int32_t vocab_size() const override { return static_cast<int32_t>(vocabulary_.size()); }
  TokenKind kind(TokenId id) const override {
    return vocabulary_.holds(id) ? vocabulary_.kinds[static_cast<size_t>(id)] : TokenKind::unused;
  }
  TokenId find_or_negative(std::string_view text) const override {
    return vocabulary_.index.find_or_negative(text);
  }
  std::string_view token_text_or_empty(TokenId id) const override {
    return vocabulary_.holds(id) ? std::string_view(vocabulary_.tokens[static_cast<size_t>(id)])
                                 : std::string_view();
  }
  TokenId bos_or_negative() const override { return bos; }
  TokenId eos_or_negative() const override { return eos; }
  bool adds_bos() const override { return prepends_bos; }
  const std::string& fingerprint() const override { return hash; }

  const Vocabulary& vocabulary() const { return vocabulary_; }

  // Filled once while loading.
  std::unique_ptr<VocabModel> model;
  VocabDecodeRules decode_rules;
  TokenId bos = -1, eos = -1;
  bool prepends_bos = false, appends_eos = false;
  std::string hash;

 private:
  std::vector<TokenId> encode_cut(std::string_view text, std::span<const TextRange> plain, bool parse_special,
                                  bool add_special, bool continues) const {
    std::vector<TokenId> ids;
    if (add_special && prepends_bos) ids.push_back(bos);
    bool after_special = !continues;
    for (const Fragment& fragment : special_.cut(text, plain, parse_special)) {
      if (fragment.id >= 0)
        ids.push_back(fragment.id);
      else
        model->encode(text.substr(fragment.begin, fragment.end - fragment.begin), after_special, ids);
      after_special = fragment.id >= 0;
    }
    if (add_special && appends_eos) ids.push_back(eos);
    return ids;
  }

  Vocabulary vocabulary_;
  SpecialTokens special_;
};

Status add_model(VocabTokenizer& made, VocabSpec& spec) {
  const bool gemma4 = spec.model == "gemma4";
  if (spec.model == "gpt2" || gemma4) {
    const PreTokenizer* pre = find_pretokenizer_or_null(gemma4 ? "gemma4" : spec.pre);
    if (!pre)
      return Error{ErrorCode::unsupported, "tokenizer: the pre-tokenizer \"" + spec.pre + "\" is not known"};
    if (spec.merges.empty() && spec.pre != "kimi-k2")
      return Error{ErrorCode::corrupt, "tokenizer: the vocabulary has no merges"};
    made.prepends_bos = spec.add_bos < 0 ? pre->adds_bos : spec.add_bos != 0;
    if (pre->newline_runs_are_tokens)
      made.prepends_bos = true;  // Gemma 4 files say false by mistake (llama.cpp overrides them too)
    made.appends_eos = spec.add_eos > 0;
    made.decode_rules.clean_spaces = pre->clean_spaces;
    FABULA_ASSIGN(made.model, make_bpe_model(made.vocabulary(), *pre, std::move(spec.merges)));
    return {};
  }
  if (spec.model == "llama") {
    made.prepends_bos = spec.add_bos != 0;
    made.appends_eos = spec.add_eos > 0;
    made.decode_rules.space_prefix = spec.add_space_prefix != 0;
    made.model = make_spm_model(made.vocabulary(), spec.add_space_prefix != 0, spec.unknown);
    return {};
  }
  return Error{ErrorCode::unsupported, "tokenizer: the vocabulary's model \"" + spec.model +
                                           "\" is not known (gpt2, llama and gemma4 are)"};
}

}  // namespace

Result<Vocabulary> make_vocabulary(VocabSpec& spec) {
  const size_t n = spec.tokens.size();
  if (n == 0 || n > (size_t{1} << 24))
    return Error{ErrorCode::corrupt, "tokenizer: a vocabulary of " + std::to_string(n) + " tokens"};
  const auto check = [&](std::string_view what, size_t found) -> Status {
    if (found == 0 || found == n) return {};
    return Error{ErrorCode::corrupt, "tokenizer: " + std::to_string(found) + " " + std::string(what) +
                                         " for " + std::to_string(n) + " tokens"};
  };
  FABULA_TRY(check("scores", spec.scores.size()));
  FABULA_TRY(check("token types", spec.token_types.size()));
  Vocabulary made;
  size_t bytes = 0;
  for (const auto& token : spec.tokens) bytes += token.size();
  made.index.reserve(n, bytes);
  made.tokens = std::move(spec.tokens);
  for (size_t i = 0; i < n; ++i) {
    if (made.tokens[i].empty()) made.tokens[i] = "[EMPTY_" + std::to_string(i) + "]";
    made.index.insert(made.tokens[i], static_cast<int32_t>(i));
  }
  for (const float score : spec.scores)
    if (!(score == score)) return Error{ErrorCode::corrupt, "tokenizer: a score is not a number"};
  made.scores = std::move(spec.scores);
  made.kinds.assign(n, TokenKind::normal);
  for (size_t i = 0; i < spec.token_types.size(); ++i) made.kinds[i] = kind_of_gguf(spec.token_types[i]);
  for (int b = 0; b < 256; ++b) {
    constexpr char kHex[] = "0123456789ABCDEF";
    const char name[] = {'<', '0', 'x', kHex[b >> 4], kHex[b & 15], '>'};
    made.byte_ids[b] = made.index.find_or_negative({name, sizeof name});
  }
  adjust_kinds(made);
  return made;
}

Result<std::shared_ptr<const Tokenizer>> make_tokenizer_from_vocab(VocabSpec spec) {
  std::string hash = fingerprint_of(spec);
  if (spec.model == "llama") {  // llama.cpp's defaults where the file names none
    if (spec.bos < 0) spec.bos = 1;
    if (spec.eos < 0) spec.eos = 2;
    if (spec.unknown < 0) spec.unknown = 0;
  }
  FABULA_ASSIGN(Vocabulary vocabulary, make_vocabulary(spec));
  auto made = std::make_shared<VocabTokenizer>(std::move(vocabulary), spec.model_name);
  const auto valid = [&](TokenId id) { return made->vocabulary().holds(id) ? id : -1; };
  made->bos = valid(spec.bos);
  made->eos = valid(spec.eos);
  made->hash = std::move(hash);
  spec.unknown = valid(spec.unknown);
  FABULA_TRY(add_model(*made, spec));
  if (made->bos < 0) made->prepends_bos = false;
  if (made->eos < 0) made->appends_eos = false;
  if (made->prepends_bos) made->decode_rules.leading_bos = made->bos;
  return std::shared_ptr<const Tokenizer>(std::move(made));
}

}  // namespace fabula::text
