#include <algorithm>
#include <cstdlib>

#include "core/text/vocab_tokenizer.h"

namespace fabula::text {

namespace {

// SentencePiece's BPE as llama.cpp does it: of all neighbours whose union is a token, the best score first,
// the leftmost of equals.
class SpmModel final : public VocabModel {
 public:
  SpmModel(const Vocabulary& vocabulary, bool space_prefix, TokenId unknown)
      : vocabulary_(vocabulary), space_prefix_(space_prefix), unknown_(unknown) {
    for (const std::string& token : vocabulary.tokens) {
      longest_ = std::max(longest_, token.size());
      words_.learn(token);
    }
  }

  void encode(std::string_view text, bool after_special, std::vector<TokenId>& ids) const override {
    std::string blocks = space_prefix_ && after_special ? std::string(kBlock) : std::string();
    blocks += with_blocks_for_spaces(text);
    WordCache cache(blocks.size());
    Scratch scratch;
    for (size_t at = 0; at < blocks.size();) {
      const size_t end = words_.end_of_word(blocks, at);
      const std::string_view word = std::string_view(blocks).substr(at, end - at);
      at = end;
      const auto known = cache.find(word);
      if (!known.empty()) {
        ids.insert(ids.end(), known.begin(), known.end());
        continue;
      }
      const size_t first = ids.size();
      merge(word, scratch, ids);
      cache.keep(word, std::span<const TokenId>(ids).subspan(first));
    }
  }

  std::string piece(TokenId id) const override {
    const std::string& text = vocabulary_.tokens[static_cast<size_t>(id)];
    if (vocabulary_.kinds[static_cast<size_t>(id)] == TokenKind::byte && text.size() == 6)
      return std::string(1, static_cast<char>(std::strtol(text.substr(3, 2).c_str(), nullptr, 16)));
    return with_spaces_for_blocks(text);
  }

 private:
  struct Symbol {
    size_t begin, length;  // length 0: swallowed
    int32_t previous, next;
  };
  struct Candidate {
    float score;
    int32_t left, right;
    size_t length;
    bool operator<(const Candidate& other) const {
      return score != other.score ? score < other.score : left > other.left;
    }
  };
  struct Scratch {
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
  };

  void merge(std::string_view text, Scratch& scratch, std::vector<TokenId>& ids) const {
    auto& symbols = scratch.symbols;
    auto& heap = scratch.heap;
    symbols.clear();
    heap.clear();
    for (size_t at = 0; at < text.size();) {
      const size_t length = std::min(length_of_lead(text[at]), text.size() - at);
      const auto index = static_cast<int32_t>(symbols.size());
      at += length;
      symbols.push_back({at - length, length, index - 1, at < text.size() ? index + 1 : -1});
    }
    const auto symbol = [&](int32_t i) -> Symbol& { return symbols[static_cast<size_t>(i)]; };
    const auto consider = [&](int32_t left, int32_t right) {
      if (left < 0 || right < 0) return;
      const size_t length = symbol(left).length + symbol(right).length;
      if (length > longest_) return;
      const TokenId id = vocabulary_.index.find_or_negative(text.substr(symbol(left).begin, length));
      if (id < 0) return;
      heap.push_back({vocabulary_.scores.empty() ? 0.0f : vocabulary_.scores[static_cast<size_t>(id)], left,
                      right, length});
      std::push_heap(heap.begin(), heap.end());
    };
    for (int32_t i = 0; i + 1 < static_cast<int32_t>(symbols.size()); ++i) consider(i, i + 1);
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end());
      const Candidate best = heap.back();
      heap.pop_back();
      Symbol &left = symbol(best.left), &right = symbol(best.right);
      if (left.length == 0 || right.length == 0 || left.length + right.length != best.length)
        continue;  // outdated
      left.length = best.length;
      right.length = 0;
      left.next = right.next;
      if (left.next >= 0) symbol(left.next).previous = best.left;
      consider(left.previous, best.left);
      consider(best.left, left.next);
    }
    if (symbols.empty()) return;
    for (int32_t i = 0; i >= 0; i = symbol(i).next)
      append(text.substr(symbol(i).begin, symbol(i).length), ids);
  }

  void append(std::string_view text, std::vector<TokenId>& ids) const {
    const TokenId whole = vocabulary_.index.find_or_negative(text);
    if (whole >= 0) return ids.push_back(whole);
    for (const char& c : text) {
      TokenId id = vocabulary_.byte_ids[static_cast<unsigned char>(c)];
      if (id < 0) id = vocabulary_.index.find_or_negative({&c, 1});
      if (id < 0) id = unknown_;
      if (id >= 0) ids.push_back(id);
    }
  }

  const Vocabulary& vocabulary_;
  bool space_prefix_;
  TokenId unknown_;
  size_t longest_ = 0;
  BlockWords words_;
};

std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (size_t at = 0;;) {
    const size_t found = text.find(what, at);
    out += text.substr(at, found == std::string_view::npos ? found : found - at);
    if (found == std::string_view::npos) return out;
    out += with;
    at = found + what.size();
  }
}

}  // namespace

std::string with_blocks_for_spaces(std::string_view text) {
  return replaced(text, " ", kBlock);
}
std::string with_spaces_for_blocks(std::string_view text) {
  return replaced(text, kBlock, " ");
}

std::unique_ptr<VocabModel> make_spm_model(const Vocabulary& vocabulary, bool space_prefix, TokenId unknown) {
  return std::make_unique<SpmModel>(vocabulary, space_prefix, unknown);
}

}  // namespace fabula::text
