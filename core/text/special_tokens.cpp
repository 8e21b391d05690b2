#include <algorithm>

#include "core/text/vocab_tokenizer.h"

namespace fabula::text {

namespace {

bool is_ascii_space(char c) { return c == ' ' || (c >= 9 && c <= 13); }

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

struct Place {
  size_t begin, length;
  TokenId id;
};

bool touches(std::span<const TextRange> ranges, size_t begin, size_t end) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), begin, [](size_t at, const TextRange& range) { return at < range.end; });
  return after != ranges.end() && after->begin < end;
}

}  // namespace

SpecialTokens::SpecialTokens(const Vocabulary& vocabulary, std::string_view model_name) : vocabulary_(vocabulary) {
  const std::string name = lower_ascii(model_name);
  const bool phi3 = name.find("phi-3") != std::string::npos || name.find("phi3") != std::string::npos;
  strips_right_.assign(vocabulary.size(), false);
  for (size_t i = 0; i < vocabulary.size(); ++i) {
    const TokenKind kind = vocabulary.kinds[i];
    if (kind != TokenKind::control && kind != TokenKind::user_defined && kind != TokenKind::unknown) continue;
    const std::string& text = vocabulary.tokens[i];
    trie_.insert(text, static_cast<int32_t>(i));
    if (phi3) strips_right_[i] = text != "<unk>" && text != "<s>" && text != "<|endoftext|>";
  }
}

std::vector<Fragment> SpecialTokens::cut(std::string_view text, std::span<const TextRange> plain, bool parse_special) const {
  std::vector<Place> places;
  for (size_t at = 0; at < text.size(); ++at) {
    trie_.matches_at(text, at, [&](size_t length, TokenId id) {
      const bool user_defined = vocabulary_.kinds[static_cast<size_t>(id)] == TokenKind::user_defined;
      if (user_defined || (parse_special && !touches(plain, at, at + length))) places.push_back({at, length, id});
    });
  }
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.length > b.length; });
  // Longest first; a place that an accepted one covers, stripped spaces included, is gone.
  std::vector<bool> taken(places.empty() ? 0 : text.size(), false);
  std::vector<Fragment> tokens;
  for (const Place& place : places) {
    size_t end = place.begin + place.length;
    bool free = true;
    for (size_t i = place.begin; i < end && free; ++i) free = !taken[i];
    if (!free) continue;
    if (strips_right_[static_cast<size_t>(place.id)])
      while (end < text.size() && !taken[end] && is_ascii_space(text[end])) ++end;
    for (size_t i = place.begin; i < end; ++i) taken[i] = true;
    tokens.push_back({place.begin, end, place.id});
  }
  std::sort(tokens.begin(), tokens.end(), [](const Fragment& a, const Fragment& b) { return a.begin < b.begin; });
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
