#include "core/text/char_class.h"
#include "core/text/splitter.h"

namespace fabula::text {

namespace {

bool is_newline(const CharAt& c) {
  return c.code_point == '\r' || c.code_point == '\n';
}

// Behind the run of characters of `classes` that begins at `at`.
size_t run_of(std::string_view text, size_t at, uint8_t classes) {
  while (true) {
    const CharAt c = char_at(text, at);
    if (c.length == 0 || !c.is(classes)) return at;
    at += c.length;
  }
}

// Behind the run of characters outside `classes`.
size_t run_outside(std::string_view text, size_t at, uint8_t classes) {
  while (true) {
    const CharAt c = char_at(text, at);
    if (c.length == 0 || c.is(classes)) return at;
    at += c.length;
  }
}

char32_t lower(char32_t c, bool fold_long_s) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  return fold_long_s && c == 0x17f ? U's' : c;
}

// Behind 's 't 're 've 'm 'll 'd where they stand at `at` (an apostrophe), else `at`.
size_t contraction(std::string_view text, size_t at, bool any_case, bool fold_long_s) {
  const auto letter = [&](const CharAt& c) {
    return any_case ? lower(c.code_point, fold_long_s) : c.code_point;
  };
  const CharAt first = char_at(text, at + 1);
  const char32_t a = letter(first);
  const size_t behind_first = at + 1 + first.length;
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return behind_first;
  if (a != 'r' && a != 'v' && a != 'l') return at;
  const CharAt second = char_at(text, behind_first);
  const char32_t b = letter(second);
  return (a == 'l' ? b == 'l' : b == 'e') ? behind_first + second.length : at;
}

// \s+(?!\S)|\s+ : a run of whitespace leaves its last character to what follows it. `at` is at whitespace.
size_t whitespace_piece(std::string_view text, size_t at) {
  size_t behind = at, last = at;
  while (true) {
    const CharAt c = char_at(text, behind);
    if (c.length == 0) return behind;
    if (!c.is(kWhitespace)) return last > at ? last : behind;
    last = behind;
    behind += c.length;
  }
}

class Gpt2Scanner final : public Splitter {
 public:
  void find_all(std::string_view text, std::vector<Match>& matches) const override {
    for (size_t at = 0; at < text.size();) {
      const size_t end = next(text, at);
      matches.push_back({at, end});
      at = end;
    }
  }

 private:
  static size_t next(std::string_view text, size_t at) {
    const CharAt first = char_at(text, at);
    if (first.code_point == '\'') {
      const size_t end = contraction(text, at, false, false);
      if (end > at) return end;
    }
    size_t body = at;
    CharAt c = first;
    if (first.code_point == ' ') {
      const CharAt second = char_at(text, at + 1);
      if (second.length > 0 && !second.is(kWhitespace)) {
        c = second;
        body = at + 1;
      }
    }
    if (c.is(kLetter)) return run_of(text, body, kLetter);
    if (c.is(kNumber)) return run_of(text, body, kNumber);
    if (c.is(kWhitespace)) return whitespace_piece(text, at);
    return run_outside(text, body, kWhitespace | kLetter | kNumber);
  }
};

class Llama3Scanner final : public Splitter {
 public:
  explicit Llama3Scanner(const ScanRules& rules)
      : rules_(rules), letters_(rules.marks ? kLetter | kMark : kLetter), words_(letters_ | kNumber) {}

  void find_all(std::string_view text, std::vector<Match>& matches) const override {
    for (size_t at = 0; at < text.size();) {
      const size_t end = next(text, at);
      matches.push_back({at, end});
      at = end;
    }
  }

 private:
  size_t next(std::string_view text, size_t at) const {
    const CharAt first = char_at(text, at);
    if (first.is(kLetter)) return run_of(text, at + first.length, letters_);
    if (first.code_point == '\'' && rules_.contractions) {
      const size_t end = contraction(text, at, true, rules_.fold_long_s);
      if (end > at) return end;
    }
    if (first.is(kNumber)) return digits(text, at);
    // [^\r\n\p{L}\p{N}]?\p{L}+ : any one character may lead a word.
    const CharAt second = char_at(text, at + first.length);
    if (!is_newline(first) && second.is(letters_)) return run_of(text, at + first.length, letters_);
    if (first.is(letters_)) return run_of(text, at, letters_);  // a mark, where they count as letters
    const bool spaced = first.code_point == ' ' && second.length > 0 && !second.is(kWhitespace | words_);
    if (spaced || !first.is(kWhitespace)) return symbols(text, spaced ? at + 1 : at);
    return whitespace(text, at);
  }

  size_t digits(std::string_view text, size_t at) const {
    for (int i = 0; i < rules_.digits; ++i) {
      const CharAt c = char_at(text, at);
      if (!c.is(kNumber)) break;
      at += c.length;
    }
    return at;
  }

  // [^\s\p{L}\p{N}]+[\r\n]*
  size_t symbols(std::string_view text, size_t at) const {
    at = run_outside(text, at, static_cast<uint8_t>(kWhitespace | words_));
    while (at < text.size() && (text[at] == '\r' || text[at] == '\n')) ++at;
    return at;
  }

  // \s*[\r\n]+|\s+(?!\S)|\s+ : up to the last newline of the run, where there is one.
  static size_t whitespace(std::string_view text, size_t at) {
    size_t behind_newline = at;
    for (size_t here = at;;) {
      const CharAt c = char_at(text, here);
      if (!c.is(kWhitespace)) break;
      here += c.length;
      if (is_newline(c)) behind_newline = here;
    }
    return behind_newline > at ? behind_newline : whitespace_piece(text, at);
  }

  ScanRules rules_;
  uint8_t letters_;  // what a word is made of
  uint8_t words_;    // and numbers: what no symbol is
};

}  // namespace

std::unique_ptr<Splitter> make_scanner(const ScanRules& rules) {
  if (rules.family == ScanRules::Family::gpt2) return std::make_unique<Gpt2Scanner>();
  return std::make_unique<Llama3Scanner>(rules);
}

}  // namespace fabula::text
