// Colours for source code in ten languages and what resembles them: a lexer of words, strings, comments and
// numbers.
// Non-goal: parsing.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace fabula::text {

enum class CodeKind { keyword, string, comment, number };

struct CodeSpan {
  size_t begin = 0;
  size_t end = 0;
  CodeKind kind = CodeKind::keyword;
};

// language: as in the info string of a fenced block ("cpp", "python", "js" ...); an unknown one gives no
// spans.
std::vector<CodeSpan> highlight(std::string_view code, std::string_view language);

}  // namespace fabula::text
