// GPT-2's alphabet: every byte has a printable character, so that vocabularies of bytes can be written as
// text. Printable Latin-1 stands for itself, the other 68 bytes are U+0100 and up (openai/gpt-2, encoder.py:
// bytes_to_unicode).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/utf8.h"

namespace fabula::text {

constexpr std::array<uint16_t, 256> kByteAlphabet = [] {
  std::array<uint16_t, 256> alphabet{};
  uint16_t next = 256;
  for (uint16_t b = 0; b < 256; ++b) {
    const bool printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    alphabet[b] = printable ? b : next++;
  }
  return alphabet;
}();

constexpr std::array<int16_t, 0x100 + 68> kByteOfLetter = [] {
  std::array<int16_t, 0x100 + 68> bytes{};
  bytes.fill(-1);
  for (size_t b = 0; b < 256; ++b) bytes[kByteAlphabet[b]] = static_cast<int16_t>(b);
  return bytes;
}();

// The byte that this character stands for, or -1.
constexpr int byte_of_letter(char32_t c) {
  return c < kByteOfLetter.size() ? kByteOfLetter[c] : -1;
}

inline std::string to_byte_alphabet(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 2);
  for (const char c : bytes) append_utf8(out, kByteAlphabet[static_cast<unsigned char>(c)]);
  return out;
}

// False where a character is not of the alphabet; `bytes` is then unspecified.
inline bool from_byte_alphabet(std::string_view text, std::string& bytes) {
  bytes.clear();
  for (size_t at = 0; at < text.size();) {
    const int byte = byte_of_letter(decode_utf8(text, at));
    if (byte < 0) return false;
    bytes.push_back(static_cast<char>(byte));
  }
  return true;
}

}  // namespace fabula::text
