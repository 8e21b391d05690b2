// What a session's replies must look like, as a person writes it: a grammar in GBNF, or a JSON Schema.
#pragma once

#include <memory>
#include <string_view>

#include "core/grammar/constraint.h"

namespace fabula::session {

// "" (or white space alone): null, replies are free. Text that begins with '{' is a JSON Schema. Errors: those of its reader.
Result<grammar::GrammarPtr> read_rules(std::string_view text);
Result<std::shared_ptr<const grammar::Constraint>> constraint_of(std::string_view text, grammar::LazyVocabulary& vocabulary);

}  // namespace fabula::session
