#include "core/text/jinja/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "core/base/utf8.h"

namespace fabula::text::jinja {

namespace {

struct Mapping {
  char32_t from;
  const char* to;
};
struct CharRange {
  char32_t first, last;
};
#include "core/text/jinja/unicode_tables.inc"

template <size_t N>
const char* find_mapping_or_null(const Mapping (&table)[N], char32_t c) {
  const Mapping* found = std::lower_bound(std::begin(table), std::end(table), c,
                                          [](const Mapping& m, char32_t x) { return m.from < x; });
  return found != std::end(table) && found->from == c ? found->to : nullptr;
}

template <size_t N>
bool in_ranges(const CharRange (&table)[N], char32_t c) {
  const CharRange* found = std::upper_bound(std::begin(table), std::end(table), c,
                                            [](char32_t x, const CharRange& r) { return x < r.first; });
  return found != std::begin(table) && c <= found[-1].last;
}

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}
char32_t simple_lower(char32_t c) {
  return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
}
char32_t simple_upper(char32_t c) {
  return static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c)));
}
bool is_ascii_letter(char32_t c) {
  return (c | 32) >= 'a' && (c | 32) <= 'z';
}

}  // namespace

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x1f);
  return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
         c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

bool is_alpha(char32_t c) {
  if (c < 0x80) return is_ascii_letter(c);
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(char32_t c) {
  return c < 0x80 ? c >= '0' && c <= '9' : category(c) == UTF8PROC_CATEGORY_ND;
}
bool is_digit(char32_t c) {
  return is_decimal(c) || in_ranges(kDigits, c);
}
bool is_numeric(char32_t c) {
  return is_digit(c) || in_ranges(kNumerals, c);
}

int decimal_value(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9' ? static_cast<int>(c - '0') : -1;
  if (!is_decimal(c)) return -1;
  char32_t zero = c;  // decimal digits stand in runs of ten (Unicode, 4.6)
  while (zero > 0 && c - zero < 9 && is_decimal(zero - 1)) --zero;
  return static_cast<int>(c - zero);
}

bool is_lower(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z';
  return utf8proc_islower(static_cast<utf8proc_int32_t>(c)) != 0 || category(c) == UTF8PROC_CATEGORY_LL;
}

bool is_upper(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  return category(c) == UTF8PROC_CATEGORY_LU ||
         (utf8proc_isupper(static_cast<utf8proc_int32_t>(c)) != 0 && category(c) != UTF8PROC_CATEGORY_LT);
}

bool is_title(char32_t c) {
  return c >= 0x80 && category(c) == UTF8PROC_CATEGORY_LT;
}
bool is_cased(char32_t c) {
  return is_lower(c) || is_upper(c) || is_title(c);
}

bool is_case_ignorable(char32_t c) {
  if (c < 0x80) return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`';
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
         kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK || c == 0xb7 || c == 0x2019;
}

bool is_printable(char32_t c) {
  if (c < 0x80) return c >= 0x20 && c < 0x7f;
  switch (category(c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return false;
    default: return true;
  }
}

bool is_word(char32_t c) {
  return c == '_' || (c < 0x80 ? is_ascii_letter(c) || is_decimal(c) : is_alnum(c));
}

bool is_identifier(std::string_view s) {
  bool first = true;
  for (size_t at = 0; at < s.size(); first = false) {
    const char32_t c = decode_utf8(s, at);
    if (c == '_' || is_alpha(c)) continue;
    const auto kind = category(c);
    if (kind == UTF8PROC_CATEGORY_NL) continue;
    if (first || !(is_decimal(c) || kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC ||
                   kind == UTF8PROC_CATEGORY_PC))
      return false;
  }
  return !first;
}

void append_upper(std::string& out, char32_t c) {
  if (c < 0x80) return void(out += static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c));
  if (const char* several = find_mapping_or_null(kUpper, c)) return void(out += several);
  append_utf8(out, simple_upper(c));
}

void append_lower(std::string& out, char32_t c) {
  if (c < 0x80) return void(out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c));
  if (c == 0x130) return void(out += "i\xcc\x87");
  append_utf8(out, simple_lower(c));
}

void append_title(std::string& out, char32_t c) {
  if (c < 0x80) return append_upper(out, c);
  if (const char* several = find_mapping_or_null(kTitle, c)) return void(out += several);
  append_utf8(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
}

void append_fold(std::string& out, char32_t c) {
  if (c < 0x80) return append_lower(out, c);
  utf8proc_int32_t folded[8];
  const auto n =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), folded, 8, UTF8PROC_CASEFOLD, nullptr);
  for (utf8proc_ssize_t i = 0; i < n && i < 8; ++i) append_utf8(out, static_cast<char32_t>(folded[i]));
}

size_t count_chars(std::string_view utf8) {
  return static_cast<size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

size_t skip_chars(std::string_view utf8, size_t from, size_t n) {
  while (n-- > 0 && from < utf8.size()) {
    ++from;
    while (from < utf8.size() && (static_cast<unsigned char>(utf8[from]) & 0xC0) == 0x80) ++from;
  }
  return from;
}

std::string_view strip_spaces_right(std::string_view utf8) {
  size_t end = utf8.size();
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && (static_cast<unsigned char>(utf8[begin]) & 0xC0) == 0x80) --begin;
    size_t at = begin;
    if (!is_space(decode_utf8(utf8, at))) break;
    end = begin;
  }
  return utf8.substr(0, end);
}

}  // namespace fabula::text::jinja
