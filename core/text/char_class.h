// What the pre-tokenizers ask about a character. General categories from utf8proc (Unicode 15).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/utf8.h"

namespace fabula::text {

enum CharClass : uint8_t {
  kLetter = 1,       // \p{L}
  kNumber = 2,       // \p{N}
  kMark = 4,         // \p{M}
  kPunctuation = 8,  // \p{P}
  kSymbol = 16,      // \p{S}
  kWhitespace = 32,  // White_Space: what \s means in Oniguruma, Rust and llama.cpp (25 characters)
  kControl = 64,     // \p{Cc}, \p{Cf}, \p{Cn}, \p{Co}
};

uint8_t char_class(char32_t code_point);

namespace detail {
constexpr uint8_t ascii_class(unsigned char c) {
  if ((c >= 9 && c <= 13)) return kWhitespace | kControl;
  if (c == ' ') return kWhitespace;
  if (c < 32 || c == 127) return kControl;
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return kLetter;
  if (c >= '0' && c <= '9') return kNumber;
  for (char symbol : {'$', '+', '<', '=', '>', '^', '`', '|', '~'})
    if (c == static_cast<unsigned char>(symbol)) return kSymbol;
  return kPunctuation;
}
constexpr std::array<uint8_t, 128> kAsciiClass = [] {
  std::array<uint8_t, 128> table{};
  for (size_t c = 0; c < 128; ++c) table[c] = ascii_class(static_cast<unsigned char>(c));
  return table;
}();
}  // namespace detail

// A character of well-formed UTF-8, its class and its length in bytes; length 0 at the end of the text.
struct CharAt {
  char32_t code_point = 0;
  uint8_t cls = 0;
  uint8_t length = 0;

  bool is(uint8_t classes) const { return (cls & classes) != 0; }
};

inline CharAt char_at(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {byte, detail::kAsciiClass[byte], 1};
  size_t behind = at;
  const char32_t c = decode_utf8(text, behind);
  return {c, char_class(c), static_cast<uint8_t>(behind - at)};
}

}  // namespace fabula::text
