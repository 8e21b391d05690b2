#include "core/session/title.h"

#include "core/base/utf8.h"

namespace fabula::session {

namespace {

bool is_space(char32_t c) {
  return c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// Characters that show nothing but may reorder or hide the rest of a list's line.
bool is_invisible(char32_t c) {
  return (c >= 0x200B && c <= 0x200C) || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || c == 0xFFFD;
}

std::string one_line(std::string_view text, size_t max_characters, size_t max_without_space) {
  std::string out;
  size_t characters = 0, last_space_bytes = 0, last_space_characters = 0;
  bool space_waits = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_utf8(text, at);
    if (is_invisible(c)) continue;
    if (is_space(c)) {
      space_waits = !out.empty();
      continue;
    }
    if (characters + (space_waits ? 1 : 0) >= max_characters) {
      // Back to the last whole word, unless that leaves too little (scripts without spaces).
      if (!space_waits && last_space_characters >= max_without_space) out.resize(last_space_bytes);
      return out + "…";
    }
    if (space_waits) {
      last_space_bytes = out.size();
      last_space_characters = characters++;
      out += ' ';
      space_waits = false;
    }
    append_utf8(out, c);
    ++characters;
  }
  return out;
}

}  // namespace

std::string automatic_title(std::string_view text) {
  constexpr size_t looked_at_bytes = 4096;
  return one_line(text.substr(0, looked_at_bytes), 60, 20);
}

std::string clean_title(std::string_view typed) { return one_line(typed, 500, 250); }

}  // namespace fabula::session
