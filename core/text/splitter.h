// Cuts a text into consecutive pieces, as one expression of a pre-tokenizer does it: what it matches is a
// piece each, and what lies between two matches is a piece too. The expressions that most models use are
// scanned by hand, the rest by PCRE2.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace fabula::text {

struct Match {
  size_t begin, end;  // bytes
};

// Immutable. Thread: const calls from any thread at once. Texts must be well-formed UTF-8.
class Splitter {
 public:
  virtual ~Splitter() = default;

  // All matches, in order, not overlapping; empty ones are cuts.
  virtual void find_all(std::string_view text, std::vector<Match>& matches) const = 0;
};

// Hand-written scanners of two families of expressions. Every byte of a text belongs to a match.
struct ScanRules {
  enum class Family {
    gpt2,    // 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
    llama3,  // (?i:'s|...)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
             // ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
  };
  Family family = Family::gpt2;
  bool contractions = true;  // llama3 family: the first branch is there
  int digits = 3;            // llama3 family: \p{N}{1,digits}
  bool marks = false;        // llama3 family: [\p{L}\p{M}]+ for \p{L}+, and \p{M} is no symbol (Qwen 3.5)
  bool fold_long_s = false;  // (?i:'s) takes U+017F too, as Oniguruma folds it; llama.cpp does not
};
std::unique_ptr<Splitter> make_scanner(const ScanRules& rules);

enum class RegexSyntax {
  oniguruma,  // Hugging Face: Ruby syntax, `$` before any newline
  ecmascript  // llama.cpp: std::regex, `$` at the end of the piece only
};

// A scanner where one knows the expression, else PCRE2. Error: corrupt, with PCRE2's message.
Result<std::unique_ptr<Splitter>> make_splitter(std::string_view expression, RegexSyntax syntax);

// Exactly this text, found from left to right.
std::unique_ptr<Splitter> make_literal_splitter(std::string literal);

// Turns Oniguruma's Ruby syntax into PCRE2's where the two differ: \s, \S, \h, class intersections, `{n,m}+`.
std::string pcre2_from_oniguruma(std::string_view expression);

}  // namespace fabula::text
