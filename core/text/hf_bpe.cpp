// BPE as tokenizer.json declares it (models/bpe of Hugging Face's tokenizers).
#include "core/base/utf8.h"
#include "core/text/block_words.h"
#include "core/text/byte_alphabet.h"
#include "core/text/hf_json.h"
#include "core/text/hf_models.h"

namespace fabula::text {

namespace {

class HfBpe final : public HfModel {
 public:
  bool ignore_merges = false, fuse_unknown = false, bytes = false;
  std::string prefix, suffix;  // of the characters of a word that are not its first; of its last

  Status load_merges(const Json& list);
  void prepare();
  void encode(std::string_view piece, HfScratch& scratch, std::vector<TokenId>& ids) const override;

 private:
  Status add_merge(std::string_view left, std::string_view right, size_t rank);
  void encode_word(std::string_view word, HfScratch& scratch, std::vector<TokenId>& ids) const;
  void first_symbols(std::string_view word, std::vector<int32_t>& symbols) const;

  MergeTable merges_;
  StringTable words_;  // bytes of the tokens of GPT-2's alphabet, where whole words are looked up
  std::vector<TokenId> byte_tokens_;  // <0xNN>
  int32_t letters_[256] = {};         // byte -> id of its letter, -1
  BlockWords words_of_blocks_;
  bool cuts_words_ = false;  // pieces are cut by words_of_blocks_
};

Status HfBpe::add_merge(std::string_view left, std::string_view right, size_t rank) {
  const auto missing = [&](std::string_view token) {
    std::string message = "tokenizer.json: the merge number ";
    message.append(std::to_string(rank))
        .append(" needs the token \"")
        .append(token)
        .append("\", which is not in the vocabulary");
    return Error{ErrorCode::corrupt, std::move(message)};
  };
  const TokenId a = vocabulary.index.find_or_negative(left), b = vocabulary.index.find_or_negative(right);
  if (a < 0) return missing(left);
  if (b < 0) return missing(right);
  std::string both(left);
  both += right.substr(std::min(prefix.size(), right.size()));
  const TokenId result = vocabulary.index.find_or_negative(both);
  if (result < 0) return missing(both);
  merges_.insert(a, b, {static_cast<int32_t>(rank), result}, true);
  if (cuts_words_) words_of_blocks_.learn(both);
  return {};
}

Status HfBpe::load_merges(const Json& list) {
  if (!list.is_array()) return wrong_field("model", "merges", "a list");
  merges_.reserve(list.size());
  cuts_words_ = !bytes && prefix.empty() && suffix.empty() && vocabulary.index.find_or_negative(kBlock) >= 0;
  for (size_t rank = 0; rank < list.size(); ++rank) {
    const Json& merge = list[rank];
    if (merge.is_string()) {
      const auto& line = merge.get_ref<const std::string&>();
      const size_t space = line.find(' ');
      if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
        std::string message = "tokenizer.json: the merge number ";
        message.append(std::to_string(rank))
            .append(" is \"")
            .append(line)
            .append("\", not two tokens with a space between");
        return Error{ErrorCode::corrupt, std::move(message)};
      }
      FABULA_TRY(
          add_merge(std::string_view(line).substr(0, space), std::string_view(line).substr(space + 1), rank));
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      FABULA_TRY(
          add_merge(merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>(), rank));
    } else {
      return wrong_field("model", "merges", "a list of strings or pairs");
    }
  }
  return {};
}

void HfBpe::prepare() {
  byte_tokens_ = text::byte_tokens(vocabulary);
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    letters_[b] = vocabulary.index.find_or_negative(to_byte_alphabet({&byte, 1}));
  }
  if (!bytes || !ignore_merges) return;
  std::string word;
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i)
    if (!vocabulary.tokens[i].empty() && from_byte_alphabet(vocabulary.tokens[i], word))
      words_.insert(word, static_cast<int32_t>(i));
}

void HfBpe::encode(std::string_view piece, HfScratch& scratch, std::vector<TokenId>& ids) const {
  if (ignore_merges) {
    const TokenId whole = bytes ? words_.find_or_negative(piece) : vocabulary.index.find_or_negative(piece);
    if (whole >= 0) return ids.push_back(whole);
  }
  for (size_t at = 0; at < piece.size();) {
    const size_t end = cuts_words_ ? words_of_blocks_.end_of_word(piece, at) : piece.size();
    encode_word(piece.substr(at, end - at), scratch, ids);
    at = end;
  }
}

void HfBpe::encode_word(std::string_view word, HfScratch& scratch, std::vector<TokenId>& ids) const {
  const auto known = scratch.cache.find(word);
  if (!known.empty()) {
    ids.insert(ids.end(), known.begin(), known.end());
    return;
  }
  first_symbols(word, scratch.word);
  bpe_merge(merges_, scratch.word, scratch.bpe);
  ids.insert(ids.end(), scratch.word.begin(), scratch.word.end());
  scratch.cache.keep(word, scratch.word);
}

// A character that is no token is its bytes, where all of them are tokens, else unknown. The order of the two
// follows the reference: an unknown waits for the next known character.
void HfBpe::first_symbols(std::string_view word, std::vector<int32_t>& symbols) const {
  symbols.clear();
  TokenId waiting = -1;
  const auto flush = [&] {
    if (waiting >= 0) symbols.push_back(waiting);
    waiting = -1;
  };
  const bool plain = prefix.empty() && suffix.empty();
  std::string spelled;
  for (size_t at = 0; at < word.size();) {
    const size_t begin = at;
    TokenId id = -1;
    std::string_view text;
    if (bytes && plain) {
      text = word.substr(at++, 1);
      id = letters_[static_cast<unsigned char>(text[0])];
    } else {
      decode_utf8(word, at);
      text = word.substr(begin, at - begin);
      if (!plain) {
        spelled = begin > 0 ? prefix : std::string();
        spelled += text;
        if (at == word.size()) spelled += suffix;
        text = spelled;
      }
      id = vocabulary.index.find_or_negative(text);
    }
    if (id >= 0) {
      flush();
      symbols.push_back(id);
      continue;
    }
    if (byte_fallback) {
      const size_t before = symbols.size();
      bool all = true;
      for (const char c : text) {
        const TokenId byte = byte_tokens_[static_cast<unsigned char>(c)];
        all = all && byte >= 0;
        symbols.push_back(byte);
      }
      if (all) continue;
      symbols.resize(before);
    }
    if (unknown < 0) continue;
    if (!fuse_unknown) flush();
    waiting = unknown;
  }
  flush();
}

}  // namespace

Result<std::unique_ptr<HfModel>> make_bpe(const Json& json, bool bytes) {
  auto made = std::make_unique<HfBpe>();
  made->bytes = bytes;
  const Json& dropout = field_or_null(json, "dropout");
  if (dropout.is_number() && dropout.get<double>() != 0)
    return Error{ErrorCode::unsupported, "tokenizer.json: BPE with dropout gives ids at random"};
  FABULA_ASSIGN(made->ignore_merges, bool_field_or(json, "model", "ignore_merges", false));
  FABULA_ASSIGN(made->fuse_unknown, bool_field_or(json, "model", "fuse_unk", false));
  FABULA_ASSIGN(made->byte_fallback, bool_field_or(json, "model", "byte_fallback", false));
  made->prefix = string_field_or(json, "continuing_subword_prefix", "");
  made->suffix = string_field_or(json, "end_of_word_suffix", "");
  if (bytes && !(made->prefix.empty() && made->suffix.empty()))
    return Error{ErrorCode::unsupported, "tokenizer.json: a byte-level BPE with a word prefix or suffix"};
  FABULA_TRY(read_vocabulary(field_or_null(json, "vocab"), made->vocabulary));
  const std::string unknown = string_field_or(json, "unk_token", "");
  if (!unknown.empty()) made->unknown = made->vocabulary.index.find_or_negative(unknown);
  FABULA_TRY(made->load_merges(field_or_null(json, "merges")));
  made->prepare();
  return std::unique_ptr<HfModel>(std::move(made));
}

}  // namespace fabula::text
