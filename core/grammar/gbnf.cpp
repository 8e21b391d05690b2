#include "core/grammar/gbnf.h"

#include <map>
#include <string>

#include "core/base/utf8.h"
#include "core/grammar/builder.h"

namespace fabula::grammar {

namespace {

constexpr size_t max_text_bytes = 64 << 10;
constexpr size_t max_rules = 4'096;
constexpr int max_depth = 64;
constexpr int64_t max_repeats = 4'096;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class GbnfReader {
 public:
  explicit GbnfReader(std::string_view text) : text_(text) {}

  Result<GrammarPtr> read() {
    skip(true);
    while (at_ < text_.size()) {
      FABULA_TRY(read_rule());
      skip(true);
    }
    for (const auto& [name, rule] : rules_)
      if (!rule.defined) return Error{ErrorCode::invalid_argument, "the rule \"" + name + "\" is used but not defined"};
    const auto root = rules_.find("root");
    if (root == rules_.end())
      return Error{ErrorCode::invalid_argument, "the grammar has no rule named root"};
    return builder_.build(root->second.id);
  }

 private:
  struct NamedRule {
    RuleId id = 0;
    bool defined = false;
  };

  Error wrong(const std::string& what) const {
    size_t line = 1;
    for (const char c : text_.substr(0, at_)) line += c == '\n';
    return {ErrorCode::invalid_argument, "grammar, line " + std::to_string(line) + ": " + what};
  }

  void skip(bool over_lines) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\t' || c == '\r' || (over_lines && c == '\n')) {
        ++at_;
      } else {
        return;
      }
    }
  }
  bool take(std::string_view what) {
    if (!text_.substr(at_).starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

  Result<RuleId> named() {
    const size_t begin = at_;
    while (at_ < text_.size() && is_name_character(text_[at_])) ++at_;
    if (begin == at_) return wrong("the name of a rule is expected");
    const std::string name(text_.substr(begin, at_ - begin));
    const auto [place, is_new] = rules_.try_emplace(name);
    if (rules_.size() > max_rules) return wrong("more than 4096 rules");
    if (is_new) place->second.id = builder_.declare("the rule \"" + name + "\"");
    last_named_ = &place->second;
    return place->second.id;
  }

  Status read_rule() {
    FABULA_ASSIGN(const RuleId rule, named());
    if (last_named_->defined) return wrong("this rule is defined twice");
    last_named_->defined = true;
    skip(false);
    if (!take("::=")) return wrong("::= is expected behind the name of a rule");
    skip(true);
    FABULA_ASSIGN(const Expr body, alternatives(0));
    skip(false);
    if (at_ < text_.size() && !next_is('\n')) return wrong("the end of the rule is expected here");
    builder_.define(rule, body);
    return {};
  }

  // Inside a group lines do not end the rule.
  Result<Expr> alternatives(int depth) {
    if (depth > max_depth) return wrong("groups nested too deeply");
    std::vector<Expr> ways;
    for (;;) {
      FABULA_ASSIGN(const Expr way, sequence(depth));
      ways.push_back(way);
      if (!take("|")) break;
      skip(true);
    }
    return builder_.choice(std::move(ways));
  }

  Result<Expr> sequence(int depth) {
    std::vector<Expr> parts;
    for (skip(depth > 0); at_ < text_.size(); skip(depth > 0)) {
      if (next_is('|') || next_is(')') || next_is('\n')) break;
      FABULA_ASSIGN(const Expr item, one_item(depth));
      FABULA_ASSIGN(const Expr part, repeated(item));
      parts.push_back(part);
      if (builder_.too_large()) return wrong("the grammar is too large");
    }
    return builder_.sequence(std::move(parts));
  }

  Result<Expr> one_item(int depth) {
    if (take("\"")) return literal();
    if (take("[")) return char_class();
    if (take(".")) return builder_.one_of(CodePoints::all());
    if (take("(")) {
      FABULA_ASSIGN(const Expr inside, alternatives(depth + 1));
      if (!take(")")) return wrong(") is expected");
      return inside;
    }
    FABULA_ASSIGN(const RuleId rule, named());
    return builder_.call(rule);
  }

  Result<Expr> repeated(Expr item) {
    if (take("*")) return builder_.repeat(item, 0, Builder::unbounded);
    if (take("+")) return builder_.repeat(item, 1, Builder::unbounded);
    if (take("?")) return builder_.optional(item);
    if (!take("{")) return item;
    int64_t least = 0, most = 0;
    if (!number(least)) return wrong("a number is expected behind {");
    most = least;
    if (take(",") && !number(most)) most = Builder::unbounded;
    if (!take("}")) return wrong("} is expected");
    if (least > max_repeats || most > max_repeats) return wrong("more than 4096 repetitions");
    if (most != Builder::unbounded && most < least) return wrong("a repetition with its ends the wrong way round");
    return builder_.repeat(item, least, most);
  }

  bool number(int64_t& out) {
    const size_t begin = at_;
    int64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9' && at_ - begin < 9)
      value = value * 10 + (text_[at_++] - '0');
    if (at_ == begin) return false;
    out = value;
    return true;
  }

  Result<char32_t> character() {
    if (at_ >= text_.size() || next_is('\n')) return wrong("a literal or class that does not end");
    if (!take("\\")) return decode_utf8(text_, at_);
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    switch (c) {
      case 'n': return U'\n';
      case 'r': return U'\r';
      case 't': return U'\t';
      case 'x': return hex(2);
      case 'u': return hex(4);
      case 'U': return hex(8);
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^': return static_cast<char32_t>(c);
      default: return wrong("an unknown escape");
    }
  }

  Result<char32_t> hex(int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : ' ';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return wrong("not enough hexadecimal digits");
      value = value << 4 | static_cast<uint32_t>(digit);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return wrong("no such character");
    return static_cast<char32_t>(value);
  }

  Result<Expr> literal() {
    std::string bytes;
    while (!take("\"")) {
      FABULA_ASSIGN(const char32_t c, character());
      append_utf8(bytes, c);
    }
    return builder_.literal(bytes);
  }

  Result<Expr> char_class() {
    const bool negated = take("^");
    CodePoints set;
    while (!take("]")) {
      FABULA_ASSIGN(const char32_t first, character());
      char32_t last = first;
      if (next_is('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        FABULA_ASSIGN(last, character());
        if (last < first) return wrong("a range with its ends the wrong way round");
      }
      set.add(first, last);
    }
    return builder_.one_of(negated ? set.complement() : set);
  }

  std::string_view text_;
  size_t at_ = 0;
  Builder builder_;
  std::map<std::string, NamedRule> rules_;
  NamedRule* last_named_ = nullptr;
};

}  // namespace

Result<GrammarPtr> read_gbnf(std::string_view text) {
  if (text.size() > max_text_bytes || !is_valid_utf8(text))
    return Error{ErrorCode::invalid_argument, "a grammar must be UTF-8 of at most 64 KiB"};
  return GbnfReader(text).read();
}

}  // namespace fabula::grammar
