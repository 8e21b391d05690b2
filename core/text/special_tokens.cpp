#include <algorithm>
#include <cstddef>
#include <functional>

#include "core/text/vocab_tokenizer.h"

namespace fabula::text {

namespace {

bool is_ascii_space(char c) {
  return c == ' ' || (c >= 9 && c <= 13);
}

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool touches(std::span<const TextRange> ranges, size_t begin, size_t end) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), begin,
                                      [](size_t at, const TextRange& range) { return at < range.end; });
  return after != ranges.end() && after->begin < end;
}

}  // namespace

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary, std::string_view model_name)
    : vocabulary_(vocabulary) {
  const std::string name = lower_ascii(model_name);
  const bool phi3 = name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
  strips_right_.assign(vocabulary.size(), false);
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenKind kind = vocabulary.kinds[i];
    if (kind != TokenKind::control && kind != TokenKind::user_defined && kind != TokenKind::unknown) continue;
    const std::string& text = vocabulary.tokens[i];
    trie_.insert(text, static_cast<int32_t>(i));
    texts_.insert(text, static_cast<int32_t>(i));
    lengths_.push_back(text.size());
    if (phi3) strips_right_[i] = text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
  }
  std::sort(lengths_.begin(), lengths_.end(), std::greater<>());
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
}

std::vector<Fragment> SpecialTokens::cut(std::string_view text, std::span<const TextRange> plain,
                                         bool parse_special) const {
  std::vector<size_t> places;  // where at least one special token begins
  for (size_t at = 0; at < text.size(); ++at) {
    bool any = false;
    trie_.matches_at(text, at, [&](size_t, int32_t) { any = true; });
    if (any) places.push_back(at);
  }
  std::vector<bool> taken(places.empty() ? 0 : text.size(), false);
  std::vector<Fragment> tokens;
  for (const size_t length : lengths_) {
    for (const size_t begin : places) {
      if (taken[begin] || begin + length > text.size()) continue;
      const TokenId id = texts_.find_or_negative(text.substr(begin, length));
      if (id < 0) continue;
      const bool user_defined = vocabulary_.kinds[static_cast<size_t>(id)] == TokenKind::user_defined;
      if (!user_defined && (!parse_special || touches(plain, begin, begin + length))) continue;
      size_t end = begin;
      while (end < begin + length && !taken[end]) ++end;
      if (end < begin + length) continue;  // a longer token has a part of it
      if (strips_right_[static_cast<size_t>(id)])
        while (end < text.size() && !taken[end] && is_ascii_space(text[end])) ++end;
      std::fill(taken.begin() + static_cast<std::ptrdiff_t>(begin),
                taken.begin() + static_cast<std::ptrdiff_t>(end), true);
      tokens.push_back({begin, end, id});
    }
  }
  std::sort(tokens.begin(), tokens.end(),
            [](const Fragment& a, const Fragment& b) { return a.begin < b.begin; });
  std::vector<Fragment> fragments;
  size_t at = 0;
  for (const Fragment& token : tokens) {
    if (token.begin > at) fragments.push_back({at, token.begin, -1});
    fragments.push_back(token);
    at = token.end;
  }
  if (at < text.size()) fragments.push_back({at, text.size(), -1});
  return fragments;
}

}  // namespace fabula::text
