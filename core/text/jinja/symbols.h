// Finds for every name the slot where its value lives, with the scoping rules of jinja2/idtracking.py: a
// frame that stores a name has a variable of its own, which begins with the outer one's value; reading never
// makes one.
#pragma once

#include "core/text/jinja/ast.h"

namespace fabula::text::jinja {

// Also binds filters and tests to their tables. Throws Failure: unknown filters and tests, misplaced `break`,
// ...
void resolve(Template& tree);

}  // namespace fabula::text::jinja
