#include "core/text/jinja/wrap.h"

#include "core/base/utf8.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

bool is_wrap_space(char32_t c) {
  return c == ' ' || (c >= 9 && c <= 13);
}
bool is_letter(char32_t c) {
  return is_word(c) && !is_decimal(c);
}
bool is_word_punctuation(char32_t c) {
  return is_word(c) || c == '!' || c == '"' || c == '\'' || c == '&' || c == '.' || c == ',' || c == '?';
}

struct Char {
  char32_t c;
  size_t at;
};

class Chunker {  // textwrap's wordsep_re, read by hand
 public:
  explicit Chunker(std::string_view s) : size_(s.size()) {
    for (size_t at = 0; at < s.size();) {
      const size_t from = at;
      chars_.push_back({decode_utf8(s, at), from});
    }
  }

  size_t position(size_t i) const { return i < chars_.size() ? chars_[i].at : size_; }
  size_t n_chars() const { return chars_.size(); }
  bool space(size_t i) const { return is_wrap_space(chars_[i].c); }

  // Chunks as ranges of characters.
  std::vector<Piece> chunks(bool hyphens) const {
    std::vector<Piece> out;
    for (size_t at = 0; at < chars_.size();) {
      const size_t end = space(at) ? spaces_end(at) : hyphens ? word_end(at) : word_end_simple(at);
      out.push_back({at, end});
      at = end;
    }
    return out;
  }

 private:
  bool letter(size_t i) const { return i < chars_.size() && is_letter(chars_[i].c); }
  bool is(size_t i, char32_t c) const { return i < chars_.size() && chars_[i].c == c; }
  size_t spaces_end(size_t at) const {
    while (at < chars_.size() && space(at)) ++at;
    return at;
  }
  size_t word_end_simple(size_t at) const {
    while (at < chars_.size() && !space(at)) ++at;
    return at;
  }
  // -{2,} between word characters, at `at`: its end, or 0.
  size_t dashes_end(size_t at) const {
    if (at == 0 || !is_word_punctuation(chars_[at - 1].c) || !is(at, '-') || !is(at + 1, '-')) return 0;
    size_t end = at;
    while (is(end, '-')) ++end;
    return end < chars_.size() && is_word(chars_[end].c) ? end : 0;
  }
  bool hyphen_splits(size_t at) const {  // chars_[at] is '-': may the chunk end behind it?
    const bool before = (at >= 2 && letter(at - 1) && letter(at - 2)) ||
                        (at >= 3 && letter(at - 1) && is(at - 2, '-') && letter(at - 3));
    const size_t next = at + 1;
    return before && letter(next) && (letter(next + 1) || (is(next + 1, '-') && letter(next + 2)));
  }
  size_t word_end(size_t at) const {
    if (const size_t end = dashes_end(at)) return end;
    for (size_t end = at + 1;; ++end) {
      if (end >= chars_.size() || space(end)) return end;
      if (is(end, '-') && hyphen_splits(end)) return end + 1;
      if (dashes_end(end)) return end;
    }
  }

  std::vector<Char> chars_;
  size_t size_;
};

}  // namespace

std::vector<Piece> wrap(std::string_view paragraph, const WrapStyle& style) {
  const Chunker text(paragraph);
  std::vector<Piece> chunks = text.chunks(style.break_on_hyphens);
  const size_t width = static_cast<size_t>(style.width);
  std::vector<Piece> lines;
  for (size_t i = 0; i < chunks.size();) {
    if (!lines.empty() && text.space(chunks[i].begin)) ++i;  // lines but the first begin with a word
    if (i >= chunks.size()) break;
    size_t used = 0;
    const size_t begin = i;
    while (i < chunks.size() && used + (chunks[i].end - chunks[i].begin) <= width) {
      used += chunks[i].end - chunks[i].begin;
      ++i;
    }
    size_t line_begin = chunks[begin].begin, line_end = i > begin ? chunks[i - 1].end : line_begin;
    if (i < chunks.size() && chunks[i].end - chunks[i].begin > width) {  // too long for any line
      const size_t room = width - used;
      if (style.break_long_words) {
        size_t take = room;
        if (style.break_on_hyphens &&
            chunks[i].end - chunks[i].begin > room) {  // behind the last hyphen that fits
          for (size_t k = room; k > 1; --k) {
            const size_t p = text.position(chunks[i].begin + k - 1);
            if (paragraph[p] != '-') continue;
            const std::string_view before =
                paragraph.substr(text.position(chunks[i].begin), p - text.position(chunks[i].begin));
            if (before.find_first_not_of('-') != std::string_view::npos) take = k;
            break;
          }
        }
        line_end = chunks[i].begin + take;
        chunks[i].begin += take;
      } else if (i == begin) {
        line_end = chunks[i].end;
        ++i;
      }
    }
    size_t last = line_end;  // spaces at the end of a line go
    while (last > line_begin && text.space(last - 1)) --last;
    if (last > line_begin) lines.push_back({text.position(line_begin), text.position(last)});
  }
  return lines;
}

}  // namespace fabula::text::jinja
