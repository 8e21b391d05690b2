#include "core/text/jinja/escapes.h"

#include "core/base/utf8.h"
#include "core/text/jinja/failure.h"

namespace fabula::text::jinja {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 32);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Exactly `width` hexadecimal digits at `at`; moves `at` behind them.
char32_t read_hex(std::string_view s, size_t& at, size_t width, const char* name) {
  char32_t value = 0;
  for (size_t i = 0; i < width; ++i, ++at) {
    const int digit = at < s.size() ? hex_digit(s[at]) : -1;
    if (digit < 0) fail("TemplateSyntaxError", std::string("truncated ") + name + " escape");
    value = value << 4 | static_cast<char32_t>(digit);
  }
  if (value > 0x10FFFF) fail("TemplateSyntaxError", "illegal Unicode character");
  return value;
}

// \ud83d\ude00 written as two escapes is one character for everybody who reads the text as UTF-8.
char32_t join_surrogates(std::string_view s, size_t& at, char32_t first) {
  if (first < 0xD800 || first > 0xDBFF || !s.substr(at).starts_with("\\u")) return first;
  size_t behind = at + 2;
  char32_t second = 0;
  for (int i = 0; i < 4; ++i, ++behind) {
    const int digit = behind < s.size() ? hex_digit(s[behind]) : -1;
    if (digit < 0) return first;
    second = second << 4 | static_cast<char32_t>(digit);
  }
  if (second < 0xDC00 || second > 0xDFFF) return first;
  at = behind;
  return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

}  // namespace

std::string unescape(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (size_t at = 0; at < s.size();) {
    const char c = s[at++];
    if (c != '\\') {
      out += c;
      continue;
    }
    if (at >= s.size()) fail("TemplateSyntaxError", "\\ at end of string");
    const char e = s[at++];
    switch (e) {
      case '\n': break;
      case '\\':
      case '\'':
      case '"': out += e; break;
      case 'a': out += '\a'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'v': out += '\v'; break;
      case 'x': append_utf8(out, read_hex(s, at, 2, "\\xXX")); break;
      case 'u': {
        const char32_t first = read_hex(s, at, 4, "\\uXXXX");
        append_utf8(out, join_surrogates(s, at, first));
        break;
      }
      case 'U': append_utf8(out, read_hex(s, at, 8, "\\UXXXXXXXX")); break;
      case 'N': fail("TemplateSyntaxError", "unknown Unicode character name");
      default:
        if (e >= '0' && e <= '7') {
          char32_t value = static_cast<char32_t>(e - '0');
          for (int i = 0; i < 2 && at < s.size() && s[at] >= '0' && s[at] <= '7'; ++i)
            value = value * 8 + static_cast<char32_t>(s[at++] - '0');
          append_utf8(out, value);
        } else {
          (out += '\\') += e;  // unknown escapes stay as they are
        }
    }
  }
  return out;
}

}  // namespace fabula::text::jinja
