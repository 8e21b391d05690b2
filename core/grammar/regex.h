// Regular expressions of JSON Schema's `pattern` (ECMA 262, the regular part): literals, ., classes, \d \w \s,
// groups, alternatives, repetition, ^ and $ at the ends. Look-around, back references, \b and Unicode
// properties are refused by name.
#pragma once

#include <string_view>

#include "core/base/result.h"
#include "core/grammar/builder.h"

namespace fabula::grammar {

// The characters of a match; how each is written decides `spell` (inside a JSON string: json_character).
// Without ^ or $ anything may stand before or behind. Errors: invalid_argument, unsupported.
using Speller = Expr (*)(Builder&, const CodePoints&);
Result<Expr> regex(Builder& builder, std::string_view pattern, Speller spell);

}  // namespace fabula::grammar
