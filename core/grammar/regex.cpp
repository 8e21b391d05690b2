#include "core/grammar/regex.h"

#include <string>

#include "core/base/utf8.h"

namespace fabula::grammar {

namespace {

constexpr int max_depth = 64;
constexpr int64_t max_repeats = 4'096;
constexpr size_t max_pattern_bytes = 4'096;

const CodePoints digits = {{'0', '9'}};
const CodePoints word_characters = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CodePoints spaces = {{9, 13}, {' ', ' '}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029},
                           {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
const CodePoints line_ends = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

class RegexReader {
 public:
  RegexReader(Builder& builder, std::string_view pattern, Speller spell)
      : builder_(builder), pattern_(pattern), spell_(spell) {}

  Result<Expr> read() {
    FABULA_ASSIGN(const Expr body, alternatives(0, true));
    if (at_ < pattern_.size()) return wrong("an unmatched )");
    return body;
  }

 private:
  Error wrong(const std::string& what, ErrorCode code = ErrorCode::invalid_argument) const {
    return {code, "pattern \"" + std::string(pattern_) + "\": " + what + " at byte " + std::to_string(at_)};
  }
  bool more() const { return at_ < pattern_.size(); }
  bool take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }
  Expr anything() {
    return builder_.repeat(spell_(builder_, CodePoints::all()), 0, Builder::unbounded);
  }

  Result<Expr> alternatives(int depth, bool outermost) {
    if (depth > max_depth) return wrong("groups nested too deeply");
    std::vector<Expr> ways;
    do {
      FABULA_ASSIGN(const Expr way, terms(depth, outermost));
      ways.push_back(way);
    } while (take("|"));
    return builder_.choice(std::move(ways));
  }

  // ^ and $ only mean something at the ends of the whole pattern's alternatives.
  Result<Expr> terms(int depth, bool outermost) {
    std::vector<Expr> parts;
    const bool at_start = outermost && take("^");
    bool at_end = false;
    if (outermost && !at_start) parts.push_back(anything());
    while (more() && pattern_[at_] != '|' && pattern_[at_] != ')') {
      if (at_end) return wrong("a $ that is not at the end", ErrorCode::unsupported);
      if (outermost && take("$")) {
        at_end = true;
        continue;
      }
      FABULA_ASSIGN(const Expr atom, one_atom(depth));
      FABULA_ASSIGN(const Expr part, repeated(atom));
      parts.push_back(part);
    }
    if (outermost && !at_end) parts.push_back(anything());
    return builder_.sequence(std::move(parts));
  }

  Result<Expr> one_atom(int depth) {
    if (take("(")) {
      if (take("?") && !take(":")) return wrong("look-around and named groups are not supported", ErrorCode::unsupported);
      FABULA_ASSIGN(const Expr inside, alternatives(depth + 1, false));
      if (!take(")")) return wrong("a ( without its )");
      return inside;
    }
    if (take("^") || take("$")) return wrong("^ and $ are supported at the ends only", ErrorCode::unsupported);
    if (take(".")) return spell_(builder_, line_ends.complement());
    if (take("[")) return char_class();
    for (const char c : {'*', '+', '?', '{', '}', ']'})
      if (pattern_[at_] == c) return wrong(std::string("a ") + c + " that stands alone");
    FABULA_ASSIGN(const CodePoints set, one_character(false));
    return spell_(builder_, set);
  }

  Result<Expr> repeated(Expr atom) {
    int64_t least = 1, most = 1;
    if (take("*")) {
      least = 0, most = Builder::unbounded;
    } else if (take("+")) {
      most = Builder::unbounded;
    } else if (take("?")) {
      least = 0;
    } else if (take("{")) {
      if (!number(least)) return wrong("a { without a number");
      most = least;
      if (take(",") && !number(most)) most = Builder::unbounded;
      if (!take("}")) return wrong("a { without its }");
      if (least > max_repeats || most > max_repeats) return wrong("more than 4096 repetitions");
      if (most != Builder::unbounded && most < least) return wrong("a repetition with its ends the wrong way round");
    } else {
      return atom;
    }
    take("?");  // lazy: the same texts
    return builder_.repeat(atom, least, most);
  }

  bool number(int64_t& out) {
    const size_t begin = at_;
    int64_t value = 0;
    while (more() && pattern_[at_] >= '0' && pattern_[at_] <= '9' && at_ - begin < 9)
      value = value * 10 + (pattern_[at_++] - '0');
    if (at_ == begin) return false;
    out = value;
    return true;
  }

  Result<Expr> char_class() {
    const bool negated = take("^");
    CodePoints set;
    while (!take("]")) {
      if (!more()) return wrong("a [ without its ]");
      FABULA_ASSIGN(const CodePoints first, one_character(true));
      const bool is_range = at_ + 1 < pattern_.size() && pattern_[at_] == '-' && pattern_[at_ + 1] != ']';
      if (!is_range) {
        set.add(first);
        continue;
      }
      ++at_;
      FABULA_ASSIGN(const CodePoints last, one_character(true));
      const auto single = [](const CodePoints& s) {
        return s.ranges().size() == 1 && s.ranges()[0].first == s.ranges()[0].last;
      };
      if (!single(first) || !single(last) || first.ranges()[0].first > last.ranges()[0].first)
        return wrong("a range with its ends the wrong way round");
      set.add(first.ranges()[0].first, last.ranges()[0].first);
    }
    const CodePoints chosen = negated ? set.complement() : set;
    if (chosen.empty()) return builder_.never();
    return spell_(builder_, chosen);
  }

  Result<CodePoints> one_character(bool in_class) {
    if (!take("\\")) {
      const char32_t c = decode_utf8(pattern_, at_);
      return CodePoints{{c, c}};
    }
    if (!more()) return wrong("a \\ at the end");
    const char c = pattern_[at_++];
    const auto just = [](char32_t code) { return CodePoints{{code, code}}; };
    switch (c) {
      case 'd': return digits;
      case 'D': return digits.complement();
      case 'w': return word_characters;
      case 'W': return word_characters.complement();
      case 's': return spaces;
      case 'S': return spaces.complement();
      case 't': return just('\t');
      case 'n': return just('\n');
      case 'r': return just('\r');
      case 'f': return just('\f');
      case 'v': return just('\v');
      case '0': return just(0);
      case 'x': return hex(2);
      case 'u': return hex(4);
      case 'b':
        if (in_class) return just('\b');
        break;
      default: break;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '1' && c <= '9');
    if (letter) return wrong(std::string("\\") + c + " is not supported", ErrorCode::unsupported);
    --at_;  // any other character stands for itself
    const char32_t code = decode_utf8(pattern_, at_);
    return just(code);
  }

  Result<CodePoints> hex(int count) {
    char32_t value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      const char c = more() ? pattern_[at_] : ' ';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return wrong("not enough hexadecimal digits");
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (value >= 0xD800 && value <= 0xDFFF) return wrong("half a surrogate pair", ErrorCode::unsupported);
    return CodePoints{{value, value}};
  }

  Builder& builder_;
  std::string_view pattern_;
  Speller spell_;
  size_t at_ = 0;
};

}  // namespace

Result<Expr> regex(Builder& builder, std::string_view pattern, Speller spell) {
  if (pattern.size() > max_pattern_bytes || !is_valid_utf8(pattern))
    return Error{ErrorCode::invalid_argument, "a pattern must be UTF-8 of at most 4096 bytes"};
  return RegexReader(builder, pattern, spell).read();
}

}  // namespace fabula::grammar
