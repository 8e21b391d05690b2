// Oniguruma's Ruby syntax, as tokenizer.json files use it, in PCRE2's words. A character class with an
// intersection becomes a look-ahead; everything that both engines read alike passes through.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>

#include "core/text/splitter.h"

namespace fabula::text {

namespace {

// White_Space. PCRE2's own \s takes U+180E too, which has not been a space since Unicode 6.3.
constexpr std::string_view kSpaceClass =
    R"(\x09-\x0d\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

bool is_script(std::string_view name) {
  if (name.size() < 3 || name.size() > 40) return false;
  std::string expression("\\p{sc:");
  expression.append(name).append("}");
  int error = 0;
  size_t at = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(),
                                   PCRE2_UTF, &error, &at, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

class Translator {
 public:
  explicit Translator(std::string_view from) : from_(from) {}

  std::string run() {
    while (at_ < from_.size()) {
      const char c = from_[at_];
      if (c == '\\')
        escape();
      else if (c == '[')
        atom([&] { out_ += character_class(0); });
      else if (c == '(')
        open_group();
      else if (c == ')')
        close_group();
      else if (c == '{')
        interval();
      else if (c == '*' || c == '+' || c == '?')
        out_ += from_[at_++];
      else
        atom([&] { copy_character(); });
    }
    return std::move(out_);
  }

 private:
  template <class F>
  void atom(F&& write) {
    atom_begin_ = out_.size();
    write();
  }

  void copy_character() {
    do out_ += from_[at_++];
    while (at_ < from_.size() && (static_cast<unsigned char>(from_[at_]) & 0xc0) == 0x80);
  }

  void escape() {
    atom([&] {
      const char c = at_ + 1 < from_.size() ? from_[at_ + 1] : '\0';
      if (c == 's' || c == 'S' || c == 'h' || c == 'H') {
        at_ += 2;
        out_ += c == 's' || c == 'h' ? "[" : "[^";
        out_ += c == 's' || c == 'S' ? std::string(kSpaceClass) : "0-9a-fA-F";
        out_ += ']';
      } else if (c == 'p' || c == 'P' || c == 'x' || c == 'u') {
        out_ += property_or_code();
      } else {
        out_ += from_[at_++];
        if (at_ < from_.size()) copy_character();
      }
    });
  }

  // \p{..}, \x{..} whole, so that their braces are not taken for an interval; \uHHHH becomes \x{HHHH}.
  std::string property_or_code() {
    std::string token(from_.substr(at_, 2));
    at_ += 2;
    if (token == "\\u") {
      token.assign("\\x{").append(from_.substr(at_, 4)).append("}");
      at_ = std::min(from_.size(), at_ + 4);
    } else if (at_ < from_.size() && from_[at_] == '{') {
      const size_t close = std::min(from_.find('}', at_), from_.size() - 1);
      std::string_view name = from_.substr(at_ + 1, close - at_ - 1);
      const bool property = token != "\\x", negated = property && name.starts_with('^');
      if (negated) name.remove_prefix(1);
      // A script's name means Script there, Script_Extensions in PCRE2 since 10.40: then \p{Han} would hold
      // "、" too.
      token.append(negated ? "{^" : "{")
          .append(property && is_script(name) ? "sc:" : "")
          .append(name)
          .append("}");
      at_ = close + 1;
    }
    return token;
  }

  void open_group() {
    groups_.push_back(out_.size());
    out_ += from_[at_++];
    // (?i: (?= (?<name> ... : the question mark is no quantifier, what follows up to the body passes through.
    if (at_ < from_.size() && from_[at_] == '?') out_ += from_[at_++];
  }

  void close_group() {
    atom_begin_ = out_.size();
    if (!groups_.empty()) {
      atom_begin_ = groups_.back();
      groups_.pop_back();
    }
    out_ += from_[at_++];
  }

  // In Ruby's syntax X{n,m}+ is (X{n,m})+, in PCRE2's it would be possessive.
  void interval() {
    const size_t close = from_.find('}', at_);
    if (close == std::string_view::npos) {
      out_ += from_[at_++];
      return;
    }
    out_ += from_.substr(at_, close + 1 - at_);
    at_ = close + 1;
    if (at_ >= from_.size() || from_[at_] != '+' || atom_begin_ == std::string::npos) return;
    out_.insert(atom_begin_, "(?:");
    out_ += ")+";
    ++at_;
  }

  // From '[' to its ']'. Nested classes are unions in Oniguruma; PCRE2 knows none, so they are written out as
  // alternatives.
  std::string character_class(int depth) {
    ++at_;
    std::string head = "[", items, inner, left;
    if (at_ < from_.size() && from_[at_] == '^') head += from_[at_++];
    bool first = true, intersects = false;
    while (at_ < from_.size() && (from_[at_] != ']' || first)) {
      const char c = from_[at_];
      if (c == '\\') {
        items += class_escape();
      } else if (c == '[' && from_.substr(at_, 2) == "[:") {
        const size_t close = std::min(from_.find(":]", at_), from_.size() - 2);
        items += from_.substr(at_, close + 2 - at_);
        at_ = close + 2;
      } else if (c == '[' && depth < 8) {
        if (!inner.empty()) inner += '|';
        inner += character_class(depth + 1);
      } else if (from_.substr(at_, 2) == "&&") {
        left.append("(?=").append(united(items, inner)).append(")");
        items.clear();
        inner.clear();
        intersects = true;
        at_ += 2;
      } else {
        if (c == '[') items += '\\';
        items += from_[at_++];
      }
      first = false;
    }
    if (at_ < from_.size()) ++at_;
    if (!intersects && inner.empty()) return head.append(items).append("]");
    std::string whole = "(?:";
    whole.append(left).append(united(items, inner)).append(")");
    if (head == "[") return whole;
    std::string negated = "(?:(?!";
    return negated.append(whole).append(")[\\s\\S])");
  }

  static std::string united(const std::string& items, const std::string& inner) {
    std::string out = inner.empty() ? "[" : items.empty() ? "(?:" : "(?:[";
    out.append(items);
    if (inner.empty()) return out.append("]");
    if (!items.empty()) out.append("]|");
    return out.append(inner).append(")");
  }

  std::string class_escape() {
    const char c = at_ + 1 < from_.size() ? from_[at_ + 1] : '\0';
    if (c == 's') {
      at_ += 2;
      return std::string(kSpaceClass);
    }
    if (c == 'h') {
      at_ += 2;
      return "0-9a-fA-F";
    }
    if (c == 'p' || c == 'P' || c == 'x' || c == 'u') return property_or_code();
    std::string escaped(from_.substr(at_, 2));
    at_ = std::min(from_.size(), at_ + 2);
    return escaped;
  }

  std::string_view from_;
  size_t at_ = 0;
  std::string out_;
  size_t atom_begin_ = std::string::npos;
  std::vector<size_t> groups_;
};

}  // namespace

std::string pcre2_from_oniguruma(std::string_view expression) {
  return Translator(expression).run();
}

}  // namespace fabula::text
