// HTML escaping as MarkupSafe does it.
#pragma once

#include "core/text/jinja/runtime.h"

namespace fabula::text::jinja {

Text escaped(Runtime& runtime,
             const Value& value);  // markup stays as it is, everything else is str() with entities

}  // namespace fabula::text::jinja
