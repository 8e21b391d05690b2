// JSON Schema to a grammar of the texts that satisfy it.
//
// Every text that the grammar lets through satisfies the schema; not every satisfying value can be written
// (properties come in the schema's order, white space is short, numbers have at most 15 digits). Read: type,
// enum, const, properties, required, additionalProperties, items, prefixItems, minItems, maxItems, minLength,
// maxLength, pattern, format, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, anyOf, oneOf
// (as anyOf), allOf (merged), $ref into the same document, $defs, definitions, nullable. Annotations are passed
// over; anything else is an error that names the keyword and its place.
#pragma once

#include <string_view>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/grammar/builder.h"

namespace fabula::grammar {

// Errors: invalid_argument (not a schema; nothing satisfies it; too large), unsupported (a keyword, by name and
// place).
Result<GrammarPtr> read_json_schema(const OrderedJson& schema);

// The same as a part of a larger grammar. `schema` must stay valid while this runs, not longer.
Result<Expr> add_json_schema(Builder& builder, const OrderedJson& schema);

// Any object: response_format json_object.
Result<GrammarPtr> any_json_object();

}  // namespace fabula::grammar
