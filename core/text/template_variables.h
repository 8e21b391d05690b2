// A render's variables from JSON to values, each string marked with where it is from.
#pragma once

#include "core/base/json.h"
#include "core/text/jinja/runtime.h"

namespace fabula::text {

jinja::Value template_variables(jinja::Runtime& runtime,
                                const OrderedJson& variables);  // a dict; Failure where it is no object

}  // namespace fabula::text
