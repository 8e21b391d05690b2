// Characters as JSON strings write them.
#pragma once

#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/grammar/builder.h"

namespace fabula::grammar {

// What stands in a JSON string as itself: no quote, no backslash, no control character.
const CodePoints& plain_characters();

// A character of `set` inside a JSON string: as itself, or escaped where it has to be.
Expr json_character(Builder& builder, const CodePoints& set);

// Any character of a JSON string in any of its spellings; surrogates only in pairs.
Expr any_json_character(Builder& builder);

// The one text by which a constant is written: compact, UTF-8.
std::string json_constant(const OrderedJson& value);

}  // namespace fabula::grammar
