#include "core/text/jinja/textops.h"

#include <algorithm>

#include "core/base/utf8.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

// The rule of Unicode for a sigma at the end of a word, as CPython has it.
bool is_final_sigma(std::string_view s, size_t at, size_t behind) {
  bool cased_before = false;
  for (size_t end = at; end > 0;) {
    size_t begin = end - 1;
    while (begin > 0 && (static_cast<unsigned char>(s[begin]) & 0xC0) == 0x80) --begin;
    size_t position = begin;
    const char32_t c = decode_utf8(s, position);
    end = begin;
    if (is_case_ignorable(c)) continue;
    cased_before = is_cased(c);
    break;
  }
  if (!cased_before) return false;
  while (behind < s.size()) {
    const char32_t c = decode_utf8(s, behind);
    if (!is_case_ignorable(c)) return !is_cased(c);
  }
  return true;
}

class CaseChange {
 public:
  CaseChange(std::string_view s, Case how) : s_(s), how_(how) {}
  void append(std::string& out, char32_t c, size_t at, size_t behind) {
    switch (how_) {
      case Case::upper: return append_upper(out, c);
      case Case::fold: return append_fold(out, c);
      case Case::lower: return lower(out, c, at, behind);
      case Case::swap:
        if (is_upper(c)) return lower(out, c, at, behind);
        return is_lower(c) ? append_upper(out, c) : append_utf8(out, c);
      case Case::capitalize: return at == 0 ? append_title(out, c) : lower(out, c, at, behind);
      case Case::title:
        inside_word_ ? lower(out, c, at, behind) : append_title(out, c);
        inside_word_ = is_cased(c);
        return;
    }
  }

 private:
  void lower(std::string& out, char32_t c, size_t at, size_t behind) {
    if (c == 0x3A3) return append_utf8(out, is_final_sigma(s_, at, behind) ? 0x3C2 : 0x3C3);
    append_lower(out, c);
  }
  std::string_view s_;
  Case how_;
  bool inside_word_ = false;
};

}  // namespace

Text change_case(Runtime& runtime, const Text& text, Case how) {
  CaseChange change(text.view(), how);
  TextBuilder out(runtime);
  append_mapped(out, text, [&](std::string& piece, char32_t c, size_t begin, size_t end) { change.append(piece, c, begin, end); });
  return out.take();
}

Text strip(Runtime& runtime, const Text& text, const Value& chars, bool left, bool right) {
  const std::string_view s = text.view();
  runtime.step_bytes(s.size());
  const bool spaces = chars.is(Kind::missing) || chars.is(Kind::none);
  std::u32string set;
  if (!spaces) {
    const std::string_view list = want_string(chars, "strip arg must be None or str, not ").view();
    for (size_t at = 0; at < list.size();) set += decode_utf8(list, at);
  }
  const auto goes = [&](char32_t c) { return spaces ? is_space(c) : set.find(c) != std::u32string::npos; };
  size_t begin = 0, end = s.size();
  while (left && begin < end) {
    size_t at = begin;
    if (!goes(decode_utf8(s, at))) break;
    begin = at;
  }
  while (right && end > begin) {
    size_t from = end - 1;
    while (from > begin && (static_cast<unsigned char>(s[from]) & 0xC0) == 0x80) --from;
    size_t at = from;
    if (!goes(decode_utf8(s, at))) break;
    end = from;
  }
  return text.slice(begin, end);
}

Text replace(Runtime& runtime, const Text& text, std::string_view old, const Text& by, int64_t count) {
  const std::string_view s = text.view();
  TextBuilder out(runtime);
  size_t at = 0;
  if (old.empty()) {  // Python puts the new text before each character and at the end
    for (; count != 0 && at < s.size(); --count) {
      runtime.step();
      out.append(by);
      const size_t next = skip_chars(s, at, 1);
      out.append(text, at, next);
      at = next;
    }
    out.append(text, at, s.size());
    if (count != 0) out.append(by);
    return out.take();
  }
  for (; count != 0; --count) {
    const size_t found = s.find(old, at);
    if (found == std::string_view::npos) break;
    runtime.step();
    out.append(text, at, found);
    out.append(by);
    at = found + old.size();
  }
  out.append(text, at, s.size());
  return out.take();
}

void TextBuilder::repeat(std::string_view bytes, int64_t times, Origin origin) {
  if (times <= 0 || bytes.empty()) return;
  if (times > static_cast<int64_t>(runtime_.limits.max_output_bytes / bytes.size()))
    check(runtime_.limits.max_output_bytes + 1);
  std::string all;
  for (int64_t i = 0; i < times; ++i) all += bytes;
  append(all, origin);
}

Text pad(Runtime& runtime, const Text& text, std::string_view fill, int64_t left, int64_t right) {
  TextBuilder out(runtime);
  out.repeat(fill, left);
  out.append(text);
  out.repeat(fill, right);
  return out.take();
}

Text center(Runtime& runtime, const Text& text, int64_t width, std::string_view fill) {
  const int64_t missing = width - static_cast<int64_t>(count_chars(text.view()));
  if (missing <= 0) return text;
  const int64_t left =
      missing / 2 + (missing & width & 1);  // CPython's choice of the side that gets the odd one
  return pad(runtime, text, fill, left, missing - left);
}

namespace {

constexpr size_t kMaxPieces = 500'000;

void add(std::vector<Piece>& pieces, size_t begin, size_t end) {
  if (pieces.size() >= kMaxPieces)
    fail("MemoryError", "a string of the template splits into more than 500000 pieces");
  pieces.push_back({begin, end});
}

}  // namespace

std::vector<Piece> split(std::string_view s, std::string_view separator, int64_t most) {
  std::vector<Piece> pieces;
  size_t at = 0;
  for (; most != 0; --most) {
    const size_t found = s.find(separator, at);
    if (found == std::string_view::npos) break;
    add(pieces, at, found);
    at = found + separator.size();
  }
  add(pieces, at, s.size());
  return pieces;
}

std::vector<Piece> rsplit(std::string_view s, std::string_view separator, int64_t most) {
  std::vector<Piece> pieces;
  size_t end = s.size();
  for (; most != 0 && end >= separator.size(); --most) {
    const size_t found = s.rfind(separator, end - separator.size());
    if (found == std::string_view::npos) break;
    add(pieces, found + separator.size(), end);
    end = found;
  }
  add(pieces, 0, end);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

std::vector<Piece> split_spaces(std::string_view s, int64_t most) {
  std::vector<Piece> pieces;
  const auto skip = [&](size_t at, bool spaces) {
    while (at < s.size()) {
      size_t next = at;
      if (is_space(decode_utf8(s, next)) != spaces) break;
      at = next;
    }
    return at;
  };
  for (size_t at = skip(0, true); at < s.size(); --most) {
    if (most == 0) {
      add(pieces, at, s.size());
      break;
    }
    const size_t end = skip(at, false);
    add(pieces, at, end);
    at = skip(end, true);
  }
  return pieces;
}

std::vector<Piece> rsplit_spaces(std::string_view s, int64_t most) {
  std::vector<Piece> all = split_spaces(s, -1);
  if (most < 0 || static_cast<int64_t>(all.size()) <= most) return all;
  const size_t joined = all.size() - static_cast<size_t>(most);
  all[joined - 1].begin = 0;  // what stays together keeps the spaces it begins with
  all.erase(all.begin(), all.begin() + static_cast<ptrdiff_t>(joined) - 1);
  return all;
}

std::vector<Piece> split_lines(std::string_view s, bool keep_ends) {
  std::vector<Piece> pieces;
  size_t begin = 0;
  for (size_t at = 0; at < s.size();) {
    const size_t line_end = at;
    const char32_t c = decode_utf8(s, at);
    const bool breaks =
        (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!breaks) continue;
    if (c == '\r' && at < s.size() && s[at] == '\n') ++at;
    add(pieces, begin, keep_ends ? at : line_end);
    begin = at;
  }
  if (begin < s.size()) add(pieces, begin, s.size());
  return pieces;
}

Value pieces_to_list(Runtime& runtime, const Value& string, const std::vector<Piece>& pieces) {
  const StringObject& object = string.as<StringObject>();
  runtime.step_bytes(object.text.size());
  runtime.step(static_cast<int64_t>(pieces.size()));
  std::vector<Value> items;
  items.reserve(pieces.size());
  for (const Piece& piece : pieces)
    items.push_back(runtime.heap.string(object.text.slice(piece.begin, piece.end), object.markup));
  return runtime.heap.list(std::move(items));
}

const Text& want_string(const Value& value, std::string_view what) {
  if (!value.is(Kind::string)) type_error(std::string(what) + std::string(type_name(value)));
  return text_of(value);
}

Value soft_str(Runtime& runtime, const Value& value) {
  return to_str(runtime, value);
}

Value join(Runtime& runtime, const Text& separator, const Value& iterable, bool convert) {
  if (!is_iterable(iterable)) {
    if (convert) type_error("'" + std::string(type_name(iterable)) + "' object is not iterable");
    type_error("can only join an iterable");
  }
  TextBuilder out(runtime);
  const Value iterator = iterate(runtime, iterable);
  int64_t index = 0;
  for (Value item; next(runtime, iterator, item); ++index) {
    if (!convert && !item.is(Kind::string))
      type_error("sequence item " + std::to_string(index) + ": expected str instance, " +
                 std::string(type_name(item)) + " found");
    if (index) out.append(separator);
    append_str(out, item);
  }
  return out.value();
}

}  // namespace fabula::text::jinja
