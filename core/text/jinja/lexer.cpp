#include <algorithm>
#include <array>

#include "core/base/utf8.h"
#include "core/text/jinja/escapes.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/token.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

// \r\n and \r become \n; one newline at the very end is dropped.
std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_digit_ascii(char c) {
  return c >= '0' && c <= '9';
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalize_newlines(source)), rest_(source_) {}

  std::vector<Token> run() {
    try {
      while (at_ < source_.size()) root();
      push(TokenKind::end, "");
    } catch (Failure& failure) {
      push(TokenKind::error, std::move(failure.message));
    }
    return std::move(tokens_);
  }

 private:
  enum class Tag { none, raw, comment, block, variable };

  void push(TokenKind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }

  void advance(size_t to) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<ptrdiff_t>(at_),
                                         source_.begin() + static_cast<ptrdiff_t>(to), '\n'));
    if (to > at_) line_starting_ = source_[to - 1] == '\n';
    at_ = to;
  }

  bool starts(size_t at, std::string_view what) const {
    return rest_.substr(std::min(at, rest_.size())).starts_with(what);
  }

  size_t skip_spaces(size_t at) const {
    while (at < source_.size()) {
      size_t next = at;
      if (!is_space(decode_utf8(source_, next))) break;
      at = next;
    }
    return at;
  }

  // {%[-+]? raw (-%}\s*|%}); returns its end, or 0.
  size_t raw_begin_at(size_t at) const {
    at += 2;
    if (starts(at, "-") || starts(at, "+")) ++at;
    at = skip_spaces(at);
    if (!starts(at, "raw")) return 0;
    at = skip_spaces(at + 3);
    if (starts(at, "-%}")) return skip_spaces(at + 3);
    return starts(at, "%}") ? at + 2 : 0;
  }

  void root() {
    size_t begin = at_;
    Tag tag = Tag::none;
    size_t tag_end = 0;
    for (; begin < source_.size() && tag == Tag::none; ++begin) {
      begin = source_.find('{', begin);
      if (begin == std::string::npos || begin + 1 >= source_.size()) break;
      const char second = source_[begin + 1];
      tag = second == '{'   ? Tag::variable
            : second == '%' ? Tag::block
            : second == '#' ? Tag::comment
                            : Tag::none;
      if (tag != Tag::none) break;
    }
    if (tag == Tag::none) {
      push(TokenKind::data, source_.substr(at_));
      advance(source_.size());
      return;
    }
    if (tag == Tag::block && (tag_end = raw_begin_at(begin)) != 0) tag = Tag::raw;
    const char sign = begin + 2 < source_.size() ? source_[begin + 2] : '\0';
    data_before(begin, sign, tag == Tag::variable);
    if (tag_end == 0) tag_end = begin + 2 + (sign == '-' || sign == '+');
    advance(tag_end);
    switch (tag) {
      case Tag::comment: return comment();
      case Tag::raw: return raw();
      case Tag::variable:
        push(TokenKind::variable_begin, "");
        return expression("}}", TokenKind::variable_end);
      default: push(TokenKind::block_begin, ""); return expression("%}", TokenKind::block_end);
    }
  }

  // The text before a tag, stripped as the tag's sign and lstrip_blocks want it.
  void data_before(size_t end, char sign, bool variable) {
    std::string_view text = rest_.substr(at_, end - at_);
    if (sign == '-') {
      text = strip_spaces_right(text);
    } else if (sign != '+' && !variable) {
      const size_t newline = text.rfind('\n');
      const size_t line_begin = newline == std::string_view::npos ? 0 : newline + 1;
      if (line_begin > 0 || line_starting_) {
        const std::string_view indent = text.substr(line_begin);
        if (!indent.empty() && strip_spaces_right(indent).empty()) text = text.substr(0, line_begin);
      }
    }
    if (!text.empty()) push(TokenKind::data, std::string(text));
    advance(end);
  }

  // The end of a tag that may carry a sign: with '-' the spaces behind it go, without a sign one newline
  // does.
  size_t tag_end_at(size_t at, std::string_view close, bool plus_allowed, bool trim_newline) const {
    if (plus_allowed && starts(at, "+") && starts(at + 1, close)) return at + 1 + close.size();
    if (starts(at, "-") && starts(at + 1, close)) return skip_spaces(at + 1 + close.size());
    if (!starts(at, close)) return 0;
    at += close.size();
    return trim_newline && starts(at, "\n") ? at + 1 : at;
  }

  void comment() {
    for (size_t at = at_; at < source_.size(); ++at) {
      if (const size_t end = tag_end_at(at, "#}", true, true)) return advance(end);
    }
    if (at_ < source_.size()) fail("TemplateSyntaxError", "Missing end of comment tag", line_);
  }

  void raw() {
    for (size_t at = at_; (at = source_.find("{%", at)) != std::string::npos; ++at) {
      const char sign = at + 2 < source_.size() ? source_[at + 2] : '\0';
      size_t name = skip_spaces(at + 2 + (sign == '-' || sign == '+'));
      if (!starts(name, "endraw")) continue;
      name = skip_spaces(name + 6);
      const size_t end = tag_end_at(name, "%}", true, true);
      if (end == 0) continue;
      data_before(at, sign, false);
      return advance(end);
    }
    if (at_ < source_.size()) fail("TemplateSyntaxError", "Missing end of raw directive", line_);
  }

  void expression(std::string_view close, TokenKind close_kind) {
    std::string open_brackets;
    while (at_ < source_.size()) {
      if (open_brackets.empty()) {
        const bool block = close_kind == TokenKind::block_end;
        if (const size_t end = tag_end_at(at_, close, block, block)) {
          push(close_kind, "");
          return advance(end);
        }
      }
      const size_t behind_spaces = skip_spaces(at_);
      if (behind_spaces > at_) {
        advance(behind_spaces);
        continue;
      }
      if (!number() && !name() && !string() && !symbol(open_brackets)) unexpected_char();
    }
  }

  [[noreturn]] void unexpected_char() {
    const std::string_view c = rest_.substr(at_, skip_chars(rest_, at_, 1) - at_);
    fail("TemplateSyntaxError",
         "unexpected char " + repr_of_name(c) + " at " + std::to_string(count_chars(rest_.substr(0, at_))),
         line_);
  }

  size_t digits(size_t at) const {  // (\d+_)*\d+ ; returns its end, or `at`
    size_t end = at;
    while (end < source_.size() &&
           (is_digit_ascii(source_[end]) || (source_[end] == '_' && end > at && source_[end - 1] != '_' &&
                                             end + 1 < source_.size() && is_digit_ascii(source_[end + 1]))))
      ++end;
    return end;
  }

  size_t exponent(size_t at) const {
    if (!starts(at, "e") && !starts(at, "E")) return at;
    const size_t sign = at + 1 + (starts(at + 1, "+") || starts(at + 1, "-"));
    const size_t end = digits(sign);
    return end > sign ? end : at;
  }

  void push_number(TokenKind kind, size_t end) {
    std::string text(rest_.substr(at_, end - at_));
    std::erase(text, '_');
    push(kind, std::move(text));
    advance(end);
  }

  bool number() {
    if (!is_digit_ascii(source_[at_])) return false;
    const bool behind_dot = at_ > 0 && source_[at_ - 1] == '.';
    const size_t whole = digits(at_);
    if (!behind_dot) {
      size_t end = whole;
      if (starts(whole, ".")) end = digits(whole + 1) > whole + 1 ? digits(whole + 1) : whole;
      end = exponent(end);
      if (end > whole) return push_number(TokenKind::real, end), true;
    }
    push_number(TokenKind::integer, integer_end(whole));
    return true;
  }

  size_t integer_end(size_t decimal_end) const {
    if (source_[at_] != '0') return decimal_end;
    const auto prefixed = [&](std::string_view marks, auto is_one) -> size_t {
      if (at_ + 1 >= source_.size() || marks.find(source_[at_ + 1]) == std::string_view::npos) return 0;
      size_t end = at_ + 2;
      while (end < source_.size() &&
             (is_one(source_[end]) ||
              (source_[end] == '_' && end + 1 < source_.size() && is_one(source_[end + 1]))))
        ++end;
      return end > at_ + 2 ? end : 0;
    };
    if (const size_t end = prefixed("bB", [](char c) { return c == '0' || c == '1'; })) return end;
    if (const size_t end = prefixed("oO", [](char c) { return c >= '0' && c <= '7'; })) return end;
    if (const size_t end =
            prefixed("xX", [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }))
      return end;
    size_t end = at_ + 1;  // 0(_?0)*
    while (starts(end, "0") || starts(end, "_0")) ++end;
    return end;
  }

  bool name() {
    size_t end = at_;
    while (end < source_.size()) {
      size_t next = end;
      if (!is_word(decode_utf8(source_, next))) break;
      end = next;
    }
    if (end == at_) return false;
    std::string text(rest_.substr(at_, end - at_));
    if (!is_identifier(text)) fail("TemplateSyntaxError", "Invalid character in identifier", line_);
    push(TokenKind::name, std::move(text));
    advance(end);
    return true;
  }

  bool string() {
    const char quote = source_[at_];
    if (quote != '\'' && quote != '"') return false;
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) return false;
    push(TokenKind::string, unescape(rest_.substr(at_ + 1, end - at_ - 1)));
    advance(end + 1);
    return true;
  }

  bool symbol(std::string& open_brackets) {
    constexpr std::array<std::string_view, 26> symbols = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                          "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                          ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    const auto* found =
        std::find_if(symbols.begin(), symbols.end(), [&](std::string_view s) { return starts(at_, s); });
    if (found == symbols.end()) return false;
    const char c = found->front();
    if (c == '(') open_brackets += ')';
    if (c == '[') open_brackets += ']';
    if (c == '{') open_brackets += '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open_brackets.empty()) fail("TemplateSyntaxError", std::string("unexpected '") + c + "'", line_);
      const char expected = open_brackets.back();
      open_brackets.pop_back();
      if (expected != c)
        fail("TemplateSyntaxError", std::string("unexpected '") + c + "', expected '" + expected + "'",
             line_);
    }
    push(TokenKind::symbol, std::string(*found));
    advance(at_ + found->size());
    return true;
  }

  const std::string source_;
  const std::string_view rest_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

std::string_view describe(TokenKind kind) {
  switch (kind) {
    case TokenKind::data: return "template data / text";
    case TokenKind::variable_begin: return "begin of print statement";
    case TokenKind::variable_end: return "end of print statement";
    case TokenKind::block_begin: return "begin of statement block";
    case TokenKind::block_end: return "end of statement block";
    case TokenKind::name: return "name";
    case TokenKind::string: return "string";
    case TokenKind::integer: return "integer";
    case TokenKind::real: return "float";
    case TokenKind::symbol: return "operator";
    default: return "end of template";
  }
}

std::string describe(const Token& token) {
  if (token.kind == TokenKind::name || token.kind == TokenKind::symbol) return token.text;
  return std::string(describe(token.kind));
}

}  // namespace fabula::text::jinja
