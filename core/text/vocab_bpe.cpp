#include <algorithm>
#include <cstdlib>

#include "core/text/byte_alphabet.h"
#include "core/text/vocab_tokenizer.h"

namespace fabula::text {

namespace {

// llama.cpp reads UTF-8 leniently: overlong forms and surrogates are accepted, every other ill-formed byte is
// U+FFFD. The text is what is tokenised; surrogates stand in `scan` as private characters of equal length,
// which no expression tells apart.
struct LenientText {
  std::string text, scan;
};

LenientText read_leniently(std::string_view bytes) {
  LenientText out;
  const auto byte = [&](size_t i) { return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u; };
  for (size_t at = 0; at < bytes.size();) {
    const unsigned lead = byte(at);
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xc0 ? 0
                          : lead < 0xe0 ? 2
                          : lead < 0xf0 ? 3
                          : lead < 0xf8 ? 4
                                        : 0;
    char32_t c = length == 1 ? lead : lead & (0x7fu >> length);
    bool valid = length > 0 && at + length <= bytes.size();
    for (size_t i = 1; valid && i < length; ++i) {
      valid = (byte(at + i) & 0xc0) == 0x80;
      c = c << 6 | (byte(at + i) & 0x3f);
    }
    if (!valid || c > 0x10ffff) {
      append_utf8(out.text, 0xfffd);
      append_utf8(out.scan, 0xfffd);
      ++at;
      continue;
    }
    if (c >= 0xd800 && c < 0xe000) {
      out.text += bytes.substr(at, 3);
      append_utf8(out.scan, 0xe000);
    } else {
      append_utf8(out.text, c);
      append_utf8(out.scan, c);
    }
    at += length;
  }
  return out;
}

// Token texts by id, and beyond the vocabulary the parts of merges that are no tokens.
class Symbols {
 public:
  explicit Symbols(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}
  int32_t id_of(std::string_view text) {
    const TokenId id = vocabulary_.index.find_or_negative(text);
    if (id >= 0) return id;
    const int32_t next = static_cast<int32_t>(vocabulary_.size() + extra_.size());
    if (!extra_index_.insert(text, next)) return extra_index_.find_or_negative(text);
    extra_.emplace_back(text);
    return next;
  }
  int32_t find_or_negative(std::string_view text) const {
    const TokenId id = vocabulary_.index.find_or_negative(text);
    return id >= 0 ? id : extra_index_.find_or_negative(text);
  }
  std::string_view text_of(int32_t id) const {
    const auto i = static_cast<size_t>(id);
    return i < vocabulary_.size() ? vocabulary_.tokens[i] : extra_[i - vocabulary_.size()];
  }

 private:
  const Vocabulary& vocabulary_;
  StringTable extra_index_;
  std::vector<std::string> extra_;
};

class BpeModel final : public VocabModel {
 public:
  BpeModel(const Vocabulary& vocabulary, const PreTokenizer& pre)
      : vocabulary_(vocabulary), pre_(pre), symbols_(vocabulary) {}

  Status load(const std::vector<std::string>& merges) {
    for (const auto expression : pre_.expressions) {
      FABULA_ASSIGN(auto splitter, make_splitter(expression, RegexSyntax::ecmascript));
      splitters_.push_back(std::move(splitter));
    }
    merges_.reserve(merges.size());
    for (size_t rank = 0; rank < merges.size(); ++rank) {
      const std::string& merge = merges[rank];
      const size_t space = merge.find(' ', 1);
      if (space == std::string::npos) continue;  // as llama.cpp: such a line never matches a pair
      const std::string_view left = std::string_view(merge).substr(0, space),
                             right = std::string_view(merge).substr(space + 1);
      const std::string both = std::string(left).append(right);
      merges_.insert(symbols_.id_of(left), symbols_.id_of(right),
                     {static_cast<int32_t>(rank), symbols_.id_of(both)}, false);
      if (pre_.spaces_as_blocks) words_of_blocks_.learn(both);
    }
    if (pre_.spaces_as_blocks) return {};
    for (int b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      letters_[b] = symbols_.id_of(to_byte_alphabet({&byte, 1}));
    }
    if (pre_.ignore_merges) index_words();
    return {};
  }

  void encode(std::string_view text, bool, std::vector<TokenId>& ids) const override {
    std::string buffer;
    std::string_view scan;
    if (pre_.spaces_as_blocks) text = buffer = with_blocks_for_spaces(text);
    LenientText lenient;
    if (is_valid_utf8(text)) {
      scan = text;
    } else {
      lenient = read_leniently(text);
      text = lenient.text;
      scan = lenient.scan;
    }
    Call call{text, WordCache(text.size()), {}, {}, ids};
    std::vector<Match> pieces;
    cut(scan, 0, call, 0, pieces);
  }

  std::string piece(TokenId id) const override {
    const std::string& text = vocabulary_.tokens[static_cast<size_t>(id)];
    if (vocabulary_.kinds[static_cast<size_t>(id)] == TokenKind::byte)
      return std::string(1, static_cast<char>(byte_of(text)));
    if (pre_.spaces_as_blocks) return with_spaces_for_blocks(text);
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      const int byte = byte_of_letter(decode_utf8(text, at));
      // llama.cpp writes "[UNK_BYTE_0x...]" for a letter outside the alphabet; the letter itself is of more
      // use.
      if (byte >= 0)
        out += static_cast<char>(byte);
      else
        out.append(text, begin, at - begin);
    }
    return out;
  }

 private:
  struct Call {
    std::string_view text;
    WordCache cache;
    BpeScratch scratch;
    std::vector<int32_t> word;
    std::vector<TokenId>& ids;
  };

  static int byte_of(std::string_view text) {
    return text.size() == 6
               ? static_cast<int>(std::strtol(std::string(text.substr(3, 2)).c_str(), nullptr, 16))
               : 0;
  }

  // Words that are tokens as raw bytes, so that a word needs no alphabet to be found.
  void index_words() {
    std::string bytes;
    for (size_t i = 0; i < vocabulary_.size(); ++i)
      if (from_byte_alphabet(vocabulary_.tokens[i], bytes)) words_.insert(bytes, static_cast<int32_t>(i));
  }

  // Expression `depth` cuts the piece of `scan` that begins at byte `begin` of the text; the last one's
  // pieces are words.
  void cut(std::string_view scan, size_t begin, Call& call, size_t depth, std::vector<Match>& matches) const {
    if (depth == splitters_.size()) {
      if (!scan.empty()) encode_word(call.text.substr(begin, scan.size()), call);
      return;
    }
    const size_t first = matches.size();
    splitters_[depth]->find_all(scan, matches);
    const size_t behind = matches.size();
    size_t at = 0;
    for (size_t i = first; i < behind; ++i) {
      const Match match = matches[i];
      if (match.begin > at) cut(scan.substr(at, match.begin - at), begin + at, call, depth + 1, matches);
      if (match.end > match.begin)
        cut(scan.substr(match.begin, match.end - match.begin), begin + match.begin, call, depth + 1, matches);
      at = match.end;
    }
    if (at < scan.size()) cut(scan.substr(at), begin + at, call, depth + 1, matches);
    matches.resize(first);
  }

  void encode_word(std::string_view word, Call& call) const {
    if (pre_.spaces_as_blocks) return encode_line(word, call);
    if (pre_.ignore_merges) {
      const TokenId id = words_.find_or_negative(word);
      if (id >= 0) return call.ids.push_back(id);
    }
    remember(word, call, [&] {
      call.word.clear();
      for (const char c : word) call.word.push_back(letters_[static_cast<unsigned char>(c)]);
      bpe_merge(merges_, call.word, call.scratch);
      for (const int32_t id : call.word) append(id, call.ids);
    });
  }

  // Gemma 4 and its like: the words of a line, or a run of newlines that is a token.
  void encode_line(std::string_view line, Call& call) const {
    if (pre_.newline_runs_are_tokens && line.find_first_not_of('\n') == std::string_view::npos) {
      const TokenId id = vocabulary_.index.find_or_negative(line);
      if (id >= 0) return call.ids.push_back(id);
    }
    for (size_t at = 0; at < line.size();) {
      const size_t end = words_of_blocks_.end_of_word(line, at);
      const std::string_view word = line.substr(at, end - at);
      remember(word, call, [&] { merge_characters(word, call); });
      at = end;
    }
  }

  // What encode() appends for this word, from the cache where it is there.
  template <class Encode>
  static void remember(std::string_view word, Call& call, Encode&& encode) {
    const auto known = call.cache.find(word);
    if (!known.empty()) {
      call.ids.insert(call.ids.end(), known.begin(), known.end());
      return;
    }
    const size_t first = call.ids.size();
    encode();
    call.cache.keep(word, std::span<const TokenId>(call.ids).subspan(first));
  }

  // Characters that no symbol knows keep their place as bytes; no merge crosses them.
  void merge_characters(std::string_view word, Call& call) const {
    call.word.clear();
    const auto flush = [&] {
      bpe_merge(merges_, call.word, call.scratch);
      for (const int32_t id : call.word) append(id, call.ids);
      call.word.clear();
    };
    for (size_t at = 0; at < word.size();) {
      const std::string_view character = word.substr(at, length_of_lead(word[at]));
      at += character.size();
      const int32_t id = symbols_.find_or_negative(character);
      if (id >= 0) {
        call.word.push_back(id);
        continue;
      }
      flush();
      append_bytes(character, call.ids);
    }
    flush();
  }

  void append(int32_t id, std::vector<TokenId>& ids) const {
    if (vocabulary_.holds(id))
      ids.push_back(id);
    else
      append_bytes(symbols_.text_of(id), ids);
  }

  void append_bytes(std::string_view text, std::vector<TokenId>& ids) const {
    for (const char& c : text) {
      const TokenId id = pre_.spaces_as_blocks ? vocabulary_.byte_ids[static_cast<unsigned char>(c)]
                                               : vocabulary_.index.find_or_negative({&c, 1});
      if (id >= 0) ids.push_back(id);
    }
  }

  const Vocabulary& vocabulary_;
  const PreTokenizer& pre_;
  Symbols symbols_;
  MergeTable merges_;
  BlockWords words_of_blocks_;
  StringTable words_;
  std::vector<std::unique_ptr<Splitter>> splitters_;
  int32_t letters_[256] = {};
};

}  // namespace

Result<std::unique_ptr<VocabModel>> make_bpe_model(const Vocabulary& vocabulary, const PreTokenizer& pre,
                                                   std::vector<std::string> merges) {
  auto model = std::make_unique<BpeModel>(vocabulary, pre);
  FABULA_TRY(model->load(merges));
  return std::unique_ptr<VocabModel>(std::move(model));
}

}  // namespace fabula::text
