#include "app/gui/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/utf8.h"

namespace fabula::text {

namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

bool is_printable_ascii(char c) {
  return c >= 0x20 && c < 0x7f;
}

// Lead byte of U+4000..U+9FFF, nearly all ideographs: never Prepend, Extend or part of a longer cluster's
// beginning.
bool is_ideograph_lead(char c) {
  return static_cast<unsigned char>(c) >= 0xE4 && static_cast<unsigned char>(c) <= 0xE9;
}

// A boundary at or before `at` that needs no look at what stands before it.
size_t certain_boundary(std::string_view text, size_t at) {
  for (size_t p = at; p > 0; --p) {
    if (p >= text.size()) continue;
    if (is_printable_ascii(text[p]) && is_printable_ascii(text[p - 1])) return p;
    if (p >= 3 && is_ideograph_lead(text[p]) && is_ideograph_lead(text[p - 3]) &&
        is_continuation(text[p - 1]) && is_continuation(text[p - 2]))
      return p;
  }
  return 0;
}

enum class Kind { space, punctuation, word, ideograph, hiragana, katakana, line_feed };

Kind kind_of(char32_t c) {
  if (c == '\n') return Kind::line_feed;
  if (c == '_') return Kind::word;
  if ((c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF))
    return Kind::ideograph;
  if (c >= 0x3041 && c <= 0x309F) return Kind::hiragana;
  if (c >= 0x30A1 && c <= 0x30FF && c != 0x30FB) return Kind::katakana;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC: return Kind::space;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return Kind::word;
    default: return Kind::punctuation;
  }
}

char32_t code_point_at(std::string_view text, size_t at) {
  return decode_utf8(text, at);
}

// The apostrophe of "don't" and the point of "3.14" hold a word together.
bool is_joiner(char32_t c) {
  return c == '\'' || c == 0x2019 || c == '.' || c == ',';
}

bool joins(std::string_view text, size_t before, size_t joiner, size_t after) {
  const char32_t mark = code_point_at(text, joiner);
  if (!is_joiner(mark)) return false;
  const char32_t left = code_point_at(text, before), right = code_point_at(text, after);
  if (kind_of(left) != Kind::word || kind_of(right) != Kind::word) return false;
  const auto digit = [](char32_t c) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND;
  };
  return (mark == '.' || mark == ',') ? digit(left) && digit(right) : true;
}

// End of the unit (word, run of spaces, one ideograph) that the grapheme at `at` continues.
size_t unit_end(std::string_view text, size_t at) {
  const Kind kind = kind_of(code_point_at(text, at));
  size_t end = next_grapheme(text, at);
  if (kind == Kind::ideograph || kind == Kind::line_feed) return end;
  for (size_t last = at; end < text.size();) {
    if (kind_of(code_point_at(text, end)) == kind) {
      last = std::exchange(end, next_grapheme(text, end));
      continue;
    }
    const size_t after = next_grapheme(text, end);
    if (kind != Kind::word || after >= text.size() || !joins(text, last, end, after)) break;
    end = after;
  }
  return end;
}

size_t unit_begin(std::string_view text, size_t at) {  // of the grapheme that begins at `at`
  const Kind kind = kind_of(code_point_at(text, at));
  if (kind == Kind::ideograph || kind == Kind::line_feed) return at;
  while (at > 0) {
    const size_t before = previous_grapheme(text, at);
    if (kind_of(code_point_at(text, before)) == kind) {
      at = before;
      continue;
    }
    if (kind != Kind::word || before == 0) break;
    const size_t farther = previous_grapheme(text, before);
    if (!joins(text, farther, before, at)) break;
    at = farther;
  }
  return at;
}

bool is_wordlike(Kind kind) {
  return kind != Kind::space && kind != Kind::punctuation && kind != Kind::line_feed;
}

// emoji-data.txt, Unicode 15, Emoji_Presentation=Yes.
constexpr std::array<std::pair<char32_t, char32_t>, 81> emoji_ranges = {{
    {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x23F0, 0x23F0},   {0x23F3, 0x23F3},   {0x25FD, 0x25FE},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x267F, 0x267F},   {0x2693, 0x2693},   {0x26A1, 0x26A1},
    {0x26AA, 0x26AB},   {0x26BD, 0x26BE},   {0x26C4, 0x26C5},   {0x26CE, 0x26CE},   {0x26D4, 0x26D4},
    {0x26EA, 0x26EA},   {0x26F2, 0x26F3},   {0x26F5, 0x26F5},   {0x26FA, 0x26FA},   {0x26FD, 0x26FD},
    {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},   {0x274C, 0x274C},   {0x274E, 0x274E},
    {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27B0, 0x27B0},   {0x27BF, 0x27BF},
    {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2B55, 0x2B55},   {0x1F004, 0x1F004}, {0x1F0CF, 0x1F0CF},
    {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F1E6, 0x1F1FF}, {0x1F201, 0x1F201}, {0x1F21A, 0x1F21A},
    {0x1F22F, 0x1F22F}, {0x1F232, 0x1F236}, {0x1F238, 0x1F23A}, {0x1F250, 0x1F251}, {0x1F300, 0x1F320},
    {0x1F32D, 0x1F335}, {0x1F337, 0x1F37C}, {0x1F37E, 0x1F393}, {0x1F3A0, 0x1F3CA}, {0x1F3CF, 0x1F3D3},
    {0x1F3E0, 0x1F3F0}, {0x1F3F4, 0x1F3F4}, {0x1F3F8, 0x1F43E}, {0x1F440, 0x1F440}, {0x1F442, 0x1F4FC},
    {0x1F4FF, 0x1F53D}, {0x1F54B, 0x1F54E}, {0x1F550, 0x1F567}, {0x1F57A, 0x1F57A}, {0x1F595, 0x1F596},
    {0x1F5A4, 0x1F5A4}, {0x1F5FB, 0x1F64F}, {0x1F680, 0x1F6C5}, {0x1F6CC, 0x1F6CC}, {0x1F6D0, 0x1F6D2},
    {0x1F6D5, 0x1F6D7}, {0x1F6DC, 0x1F6DF}, {0x1F6EB, 0x1F6EC}, {0x1F6F4, 0x1F6FC}, {0x1F7E0, 0x1F7EB},
    {0x1F7F0, 0x1F7F0}, {0x1F90C, 0x1F93A}, {0x1F93C, 0x1F945}, {0x1F947, 0x1F9FF}, {0x1FA70, 0x1FA7C},
    {0x1FA80, 0x1FA88}, {0x1FA90, 0x1FABD}, {0x1FABF, 0x1FAC5}, {0x1FACE, 0x1FADB}, {0x1FAE0, 0x1FAE8},
    {0x1FAF0, 0x1FAF8},
}};

}  // namespace

size_t next_grapheme(std::string_view text, size_t at) {
  if (at >= text.size()) return text.size();
  char32_t previous = decode_utf8(text, at);
  utf8proc_int32_t state = 0;
  while (at < text.size()) {
    size_t behind = at;
    const char32_t next = decode_utf8(text, behind);
    if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous),
                                         static_cast<utf8proc_int32_t>(next), &state))
      return at;
    previous = next;
    at = behind;
  }
  return text.size();
}

size_t previous_grapheme(std::string_view text, size_t at) {
  if (at == 0) return 0;
  at = std::min(at, text.size());
  size_t boundary = certain_boundary(text, at - 1);
  for (;;) {
    const size_t next = next_grapheme(text, boundary);
    if (next >= at) return boundary;
    boundary = next;
  }
}

size_t floor_grapheme(std::string_view text, size_t at) {
  if (at >= text.size()) return text.size();
  size_t boundary = certain_boundary(text, at);
  for (;;) {
    if (boundary == at) return at;
    const size_t next = next_grapheme(text, boundary);
    if (next > at) return boundary;
    boundary = next;
  }
}

size_t count_graphemes(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at = next_grapheme(text, at)) ++count;
  return count;
}

size_t next_word(std::string_view text, size_t at) {
  while (at < text.size()) {
    const Kind kind = kind_of(code_point_at(text, at));
    const size_t end = unit_end(text, at);
    if (is_wordlike(kind)) return end;
    at = end;
  }
  return text.size();
}

size_t previous_word(std::string_view text, size_t at) {
  while (at > 0) {
    const size_t last = previous_grapheme(text, at);
    const size_t begin = unit_begin(text, last);
    if (is_wordlike(kind_of(code_point_at(text, last)))) return begin;
    at = begin;
  }
  return 0;
}

WordRange word_around(std::string_view text, size_t at) {
  if (text.empty()) return {};
  at = floor_grapheme(text, at);
  if (at >= text.size() || text[at] == '\n') {
    if (at == 0) return {0, 0};
    at = previous_grapheme(text, at);
    if (text[at] == '\n') return {at + 1, at + 1};
  }
  const size_t begin = unit_begin(text, at);
  return {begin, unit_end(text, begin)};
}

bool has_emoji_presentation(char32_t c) {
  if (c < emoji_ranges.front().first) return false;
  const auto after = std::upper_bound(emoji_ranges.begin(), emoji_ranges.end(), c,
                                      [](char32_t value, const auto& range) { return value < range.first; });
  return after != emoji_ranges.begin() && c <= std::prev(after)->second;
}

}  // namespace fabula::text
