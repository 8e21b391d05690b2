#include "core/base/utf8.h"

namespace fabula {

namespace {

struct Sequence {
  char32_t code_point = 0xFFFD;
  size_t length_bytes = 1;  // of the character, or of the maximal ill-formed subpart
  bool valid = false;
  bool truncated = false;  // the bytes end inside a sequence that is well formed so far
};

// Table 3-7 of the Unicode standard: the second byte's range depends on the first.
Sequence read_sequence(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = byte(at);
  if (first < 0x80) return {first, 1, true, false};
  if (first < 0xC2 || first > 0xF4) return {};
  const size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  unsigned low = 0x80, high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  char32_t value = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if (at + i >= bytes.size()) return {0xFFFD, i, false, true};
    const unsigned next = byte(at + i);
    if (next < low || next > high) return {0xFFFD, i, false, false};
    low = 0x80, high = 0xBF;
    value = value << 6 | (next & 0x3F);
  }
  return {value, length, true, false};
}

constexpr std::string_view replacement = "\xEF\xBF\xBD";

// Appends whole characters of `bytes`; returns where a truncated tail begins (bytes.size() if there is none).
size_t append_whole(std::string& out, std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size()) {
    const Sequence sequence = read_sequence(bytes, at);
    if (sequence.truncated) return at;
    if (sequence.valid)
      out.append(bytes.substr(at, sequence.length_bytes));
    else
      out.append(replacement);
    at += sequence.length_bytes;
  }
  return at;
}

}  // namespace

bool is_valid_utf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const Sequence sequence = read_sequence(bytes, at);
    if (!sequence.valid) return false;
    at += sequence.length_bytes;
  }
  return true;
}

char32_t decode_utf8(std::string_view bytes, size_t& at) {
  const Sequence sequence = read_sequence(bytes, at);
  at += sequence.length_bytes;
  return sequence.code_point;
}

void append_utf8(std::string& out, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::string replace_invalid_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  if (append_whole(out, bytes) < bytes.size()) out.append(replacement);
  return out;
}

std::string Utf8Stream::push(std::string_view bytes) {
  held_.append(bytes);
  std::string out;
  held_.erase(0, append_whole(out, held_));
  return out;
}

std::string Utf8Stream::finish() {
  std::string out = held_.empty() ? std::string() : std::string(replacement);
  held_.clear();
  return out;
}

}  // namespace fabula
