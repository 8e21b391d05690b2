#include "core/text/added_tokens.h"

#include <algorithm>

#include "core/text/char_class.h"

namespace fabula::text {

namespace {

bool touches(std::span<const TextRange> ranges, size_t begin, size_t end) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), begin,
                                      [](size_t at, const TextRange& range) { return at < range.end; });
  return after != ranges.end() && after->begin < end;
}

// \w of Rust's regular expressions: Alphabetic, M, Nd, Pc, Join_Control.
bool is_word(const CharAt& c) {
  const char32_t p = c.code_point;
  return c.is(kLetter | kMark | kNumber) || p == '_' || p == 0x203f || p == 0x2040 || p == 0x200c ||
         p == 0x200d || (p >= 0x24b6 && p <= 0x24e9) || (p >= 0x1f130 && p <= 0x1f189);
}

CharAt char_before(std::string_view text, size_t at) {
  size_t begin = at;
  do --begin;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80);
  return char_at(text, begin);
}

size_t behind_spaces(std::string_view text, size_t at) {
  for (CharAt c = char_at(text, at); c.is(kWhitespace); c = char_at(text, at)) at += c.length;
  return at;
}

size_t before_spaces(std::string_view text, size_t at) {
  while (at > 0) {
    const CharAt c = char_before(text, at);
    if (!c.is(kWhitespace)) break;
    at -= c.length;
  }
  return at;
}

// The part of the ranges that lies within [begin, end), counted from `begin`.
std::vector<TextRange> ranges_within(std::span<const TextRange> ranges, size_t begin, size_t end) {
  std::vector<TextRange> out;
  for (const TextRange& range : ranges)
    if (range.begin < end && range.end > begin)
      out.push_back({std::max(range.begin, begin) - begin, std::min(range.end, end) - begin});
  return out;
}

// A noncharacter that the text does not hold, to mark the borders of ranges while the text is normalised.
std::string unused_mark(std::string_view text) {
  for (char32_t c = 0xfdd0; c < 0xfdf0; ++c) {
    std::string mark;
    append_utf8(mark, c);
    if (text.find(mark) == std::string_view::npos) return mark;
  }
  return {};
}

}  // namespace

void AddedTokens::add(AddedToken token) {
  if (token.content.empty() || token.id < 0) return;
  const auto place = static_cast<int32_t>(tokens_.size());
  if (!by_content_.insert(token.content, place)) return;
  if (static_cast<size_t>(token.id) >= by_id_.size()) by_id_.resize(static_cast<size_t>(token.id) + 1, -1);
  by_id_[static_cast<size_t>(token.id)] = place;
  tokens_.push_back(std::move(token));
}

void AddedTokens::build() {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const auto place = static_cast<int32_t>(i);
    AddedToken& token = tokens_[i];
    token.written = token.normalized ? normalize(token.content) : token.content;
    (token.normalized ? normalized_ : raw_).insert(token.written, place);
  }
}

const AddedToken* AddedTokens::find_or_null(TokenId id) const {
  if (id < 0 || static_cast<size_t>(id) >= by_id_.size() || by_id_[static_cast<size_t>(id)] < 0)
    return nullptr;
  return &tokens_[static_cast<size_t>(by_id_[static_cast<size_t>(id)])];
}

TokenId AddedTokens::find_or_negative(std::string_view content) const {
  const int32_t place = by_content_.find_or_negative(content);
  return place < 0 ? -1 : tokens_[static_cast<size_t>(place)].id;
}

std::string AddedTokens::normalize(std::string_view text, bool continues) const {
  std::string out(text);
  if (normalizer_) normalizer_->normalize(out, continues);
  return out;
}

std::vector<AddedTokens::Found> AddedTokens::find(const TokenTrie& trie, std::string_view text,
                                                  std::span<const TextRange> plain,
                                                  bool parse_special) const {
  std::vector<Found> found;
  if (trie.empty()) return found;
  size_t behind_last = 0;
  for (size_t at = 0; at < text.size();) {
    size_t length = 0;
    int32_t place = -1;
    trie.matches_at(text, at, [&](size_t n, int32_t value) {
      length = n;
      place = value;
    });
    if (length == 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<size_t>(place)];
    size_t begin = at, end = at + length;
    at = end;
    if (token.special && (!parse_special || touches(plain, begin, end))) continue;
    if (token.single_word) {
      const bool starts_word = begin > 0 && is_word(char_before(text, begin));
      const bool goes_on = end < text.size() && is_word(char_at(text, end));
      if (starts_word || goes_on) continue;
    }
    if (token.lstrip) begin = std::max(before_spaces(text, begin), behind_last);
    if (token.rstrip) end = behind_spaces(text, end);
    found.push_back({begin, end, &token});
    behind_last = end;
  }
  return found;
}

std::vector<AddedPart> AddedTokens::cut(std::string_view text, std::span<const TextRange> plain,
                                        bool parse_special, bool continues) const {
  std::vector<AddedPart> parts;
  size_t at = 0;
  const auto add_text = [&](size_t end) {
    if (end > at)
      cut_normalized(text.substr(at, end - at), ranges_within(plain, at, end), parse_special, at == 0,
                     continues && at == 0, parts);
  };
  for (const Found& found : find(raw_, text, plain, parse_special)) {
    add_text(found.begin);
    parts.push_back({{}, found.token->id, false});
    at = found.end;
  }
  add_text(text.size());
  return parts;
}

void AddedTokens::cut_normalized(std::string_view raw, std::span<const TextRange> plain, bool parse_special,
                                 bool at_beginning, bool continues, std::vector<AddedPart>& parts) const {
  std::string text = normalize(raw, continues);
  std::vector<Found> places = find(normalized_, text, {}, parse_special);
  const bool any_special =
      std::any_of(places.begin(), places.end(), [](const Found& f) { return f.token->special; });
  if (any_special && !plain.empty()) {
    // Where the ranges lie in the normalised text is told by marks that go through the normaliser with it.
    std::string marked;
    const std::string mark = unused_mark(raw);
    size_t from = 0;
    for (const TextRange& range : plain) {
      marked.append(raw.substr(from, range.begin - from))
          .append(mark)
          .append(raw.substr(range.begin, range.end - range.begin))
          .append(mark);
      from = range.end;
    }
    marked = normalize(marked.append(raw.substr(from)), continues);
    std::vector<TextRange> ranges;
    text.clear();
    bool inside = false;
    for (size_t at = 0; at < marked.size();) {
      const size_t next = mark.empty() ? std::string::npos : marked.find(mark, at);
      text.append(marked, at, std::min(next, marked.size()) - at);
      if (next == std::string::npos) break;
      if (inside)
        ranges.back().end = text.size();
      else
        ranges.push_back({text.size(), text.size()});
      inside = !inside;
      at = next + mark.size();
    }
    if (inside || ranges.empty())
      ranges.assign(1, {0, text.size()});  // a mark was lost: then all of it is plain
    places = find(normalized_, text, ranges, parse_special);
  }
  size_t at = 0;
  const auto add_text = [&](size_t end) {
    if (end > at) parts.push_back({text.substr(at, end - at), -1, at_beginning && at == 0});
  };
  for (const Found& place : places) {
    add_text(place.begin);
    parts.push_back({{}, place.token->id, false});
    at = place.end;
  }
  add_text(text.size());
}

}  // namespace fabula::text
