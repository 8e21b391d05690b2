// Unigram language model (Kudo, 2018) and WordPiece, as tokenizer.json declares them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/utf8.h"
#include "core/text/hf_json.h"
#include "core/text/hf_models.h"
#include "core/text/splitter.h"
#include "core/text/token_trie.h"

namespace fabula::text {

namespace {

class Unigram final : public HfModel {
 public:
  Status load(const Json& list);
  void prepare() { byte_tokens_ = byte_tokens(vocabulary); }
  void encode(std::string_view piece, HfScratch& scratch, std::vector<TokenId>& ids) const override;

 private:
  struct Node {
    double score = 0;
    size_t begin = kNowhere;
    TokenId id = -1;
  };
  static constexpr size_t kNowhere = std::numeric_limits<size_t>::max();
  static constexpr double kUnknownPenalty = 10;  // below the worst score, as SentencePiece

  void append(std::string_view token, std::vector<TokenId>& ids) const;

  TokenTrie trie_;
  std::vector<double> scores_;
  double worst_ = 0;
  std::vector<TokenId> byte_tokens_;
};

Status Unigram::load(const Json& list) {
  if (!list.is_array()) return wrong_field("model", "vocab", "a list of pairs");
  worst_ = std::numeric_limits<double>::infinity();
  for (const Json& item : list) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_number())
      return wrong_field("model", "vocab", "a list of pairs");
    const auto& token = item[0].get_ref<const std::string&>();
    const double score = item[1].get<double>();
    if (!std::isfinite(score)) return wrong_field("model", "vocab", "finite in its scores");
    const auto id = static_cast<int32_t>(vocabulary.tokens.size());
    vocabulary.index.insert(token, id);
    vocabulary.tokens.push_back(token);
    trie_.insert(token, id);
    scores_.push_back(score);
    worst_ = std::min(worst_, score);
  }
  return {};
}

void Unigram::encode(std::string_view piece, HfScratch&, std::vector<TokenId>& ids) const {
  std::vector<Node> best(piece.size() + 1);  // of the texts that end there
  best[0].begin = 0;
  const auto offer = [&](size_t begin, size_t end, double score, TokenId id) {
    if (best[end].begin == kNowhere || score > best[end].score) best[end] = {score, begin, id};
  };
  for (size_t at = 0; at < piece.size();) {
    size_t behind = at;
    decode_utf8(piece, behind);
    const double here = best[at].score;
    bool whole_character = false;
    trie_.matches_at(piece, at, [&](size_t length, int32_t id) {
      offer(at, at + length, here + scores_[static_cast<size_t>(id)], id);
      whole_character = whole_character || at + length == behind;
    });
    if (!whole_character) offer(at, behind, here + worst_ - kUnknownPenalty, unknown);
    at = behind;
  }
  // Neighbouring unknowns are one.
  std::vector<Match> parts;
  bool previous_unknown = false;
  for (size_t end = piece.size(); end > 0; end = best[end].begin) {
    const bool is_unknown = best[end].id == unknown;
    if (is_unknown && previous_unknown)
      parts.back().begin = best[end].begin;
    else
      parts.push_back({best[end].begin, end});
    previous_unknown = is_unknown;
  }
  for (auto part = parts.rbegin(); part != parts.rend(); ++part)
    append(piece.substr(part->begin, part->end - part->begin), ids);
}

void Unigram::append(std::string_view token, std::vector<TokenId>& ids) const {
  const TokenId id = vocabulary.index.find_or_negative(token);
  if (id >= 0) return ids.push_back(id);
  const auto byte_of = [&](char c) { return byte_tokens_[static_cast<unsigned char>(c)]; };
  if (byte_fallback && std::all_of(token.begin(), token.end(), [&](char c) { return byte_of(c) >= 0; })) {
    for (const char c : token) ids.push_back(byte_of(c));
    return;
  }
  if (unknown >= 0) ids.push_back(unknown);
}

class WordPiece final : public HfModel {
 public:
  std::string prefix;
  size_t longest_word = 100;  // characters

  void encode(std::string_view piece, HfScratch&, std::vector<TokenId>& ids) const override {
    const size_t first = ids.size();
    const auto characters = static_cast<size_t>(std::count_if(
        piece.begin(), piece.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
    bool whole = characters <= longest_word;
    std::string text;
    for (size_t at = 0; whole && at < piece.size();) {
      size_t end = piece.size();
      TokenId id = -1;
      for (; end > at; end = before_character(piece, end)) {
        text.assign(at > 0 ? prefix : std::string()).append(piece.substr(at, end - at));
        id = vocabulary.index.find_or_negative(text);
        if (id >= 0) break;
      }
      whole = id >= 0;
      if (whole) ids.push_back(id);
      at = end;
    }
    if (whole) return;
    ids.resize(first);
    if (unknown >= 0) ids.push_back(unknown);
  }

 private:
  static size_t before_character(std::string_view text, size_t at) {
    do --at;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
    return at;
  }
};

}  // namespace

Result<std::unique_ptr<HfModel>> make_unigram(const Json& json) {
  auto made = std::make_unique<Unigram>();
  FABULA_ASSIGN(made->byte_fallback, bool_field_or(json, "model", "byte_fallback", false));
  FABULA_TRY(made->load(field_or_null(json, "vocab")));
  const Json& unknown = field_or_null(json, "unk_id");
  if (!unknown.is_null()) {
    FABULA_ASSIGN(made->unknown, id_value(unknown, "model", "unk_id"));
    if (static_cast<size_t>(made->unknown) >= made->vocabulary.tokens.size())
      return wrong_field("model", "unk_id", "within the vocabulary");
  }
  made->prepare();
  return std::unique_ptr<HfModel>(std::move(made));
}

Result<std::unique_ptr<HfModel>> make_word_piece(const Json& json) {
  auto made = std::make_unique<WordPiece>();
  FABULA_TRY(read_vocabulary(field_or_null(json, "vocab"), made->vocabulary));
  made->prefix = string_field_or(json, "continuing_subword_prefix", "##");
  made->unknown = made->vocabulary.index.find_or_negative(string_field_or(json, "unk_token", "[UNK]"));
  const Json& longest = field_or_null(json, "max_input_chars_per_word");
  if (longest.is_number_unsigned()) made->longest_word = longest.get<size_t>();
  return std::unique_ptr<HfModel>(std::move(made));
}

}  // namespace fabula::text
