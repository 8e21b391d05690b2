// What filters and string methods share: each keeps the origin of every character.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/utf8.h"
#include "core/text/jinja/runtime.h"

namespace fabula::text::jinja {

// Appends to `out` what put(piece, character, begin, end) makes of each character, [begin, end) in bytes of the text.
template <class Put>
void append_mapped(TextBuilder& out, const Text& text, Put&& put) {
  std::string piece;
  text.for_each_run(0, text.size(), [&](size_t begin, size_t end, Origin origin) {
    piece.clear();
    for (size_t at = begin; at < end;) {
      const size_t from = at;
      const char32_t c = decode_utf8(text.view(), at);
      put(piece, c, from, at);
    }
    out.append(piece, origin);
  });
}

enum class Case : uint8_t { upper, lower, fold, swap, title, capitalize };
Text change_case(Runtime& runtime, const Text& text, Case how);
Text strip(Runtime& runtime, const Text& text, const Value& chars, bool left,
           bool right);  // chars: a str, none or missing
Text replace(Runtime& runtime, const Text& text, std::string_view old, const Text& by, int64_t count);
Text pad(Runtime& runtime, const Text& text, std::string_view fill, int64_t left, int64_t right);
Text center(Runtime& runtime, const Text& text, int64_t width, std::string_view fill);

struct Piece {  // of a text, in bytes
  size_t begin, end;
};
std::vector<Piece> split(std::string_view text, std::string_view separator,
                         int64_t most);  // separator not empty
std::vector<Piece> rsplit(std::string_view text, std::string_view separator, int64_t most);
std::vector<Piece> split_spaces(std::string_view text, int64_t most);
std::vector<Piece> rsplit_spaces(std::string_view text, int64_t most);
std::vector<Piece> split_lines(std::string_view text, bool keep_ends);
Value pieces_to_list(Runtime& runtime, const Value& string, const std::vector<Piece>& pieces);

// Strings from arguments.
const Text& want_string(const Value& value, std::string_view what);  // TypeError that begins with `what`
Value soft_str(Runtime& runtime, const Value& value);  // a string stays, everything else is str()
Value join(Runtime& runtime, const Text& separator, const Value& iterable, bool convert);

}  // namespace fabula::text::jinja
