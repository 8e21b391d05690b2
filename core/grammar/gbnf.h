// Grammars as people write them: the GBNF form that llama.cpp's users know.
//
//   root   ::= "yes" | "no" | list        # rules; `root` is where the reply begins
//   list   ::= "- " [^\n]+ ("\n" "- " [^\n]+){0,4}
//
// Literals "..." and classes [...] with \n \r \t \\ \" \[ \] \- \xHH \uHHHH \UHHHHHHHH, `.` for any character,
// groups, |, and * + ? {m} {m,} {m,n}. A rule goes on in the next line inside ( ) or behind |.
#pragma once

#include <string_view>

#include "core/base/result.h"
#include "core/grammar/grammar.h"

namespace fabula::grammar {

// Errors: invalid_argument with the line.
Result<GrammarPtr> read_gbnf(std::string_view text);

}  // namespace fabula::grammar
