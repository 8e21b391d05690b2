// Python's two ways of formatting text: printf style with `%`, and braces with str.format.
#pragma once

#include <string>
#include <string_view>

#include "core/text/jinja/builtin.h"
#include "core/text/jinja/runtime.h"

namespace fabula::text::jinja {

Value format_percent(Runtime& runtime, const Value& format, const Value& arguments);
Value format_braces(Runtime& runtime, const Value& format, const Arguments& arguments);
Value format_value(Runtime& runtime, const Value& value, std::string_view spec);  // format(value, spec)

// What both share. `body` without sign; sign "" "-" "+" " ".
struct FloatStyle {
  char type = 'g';  // e f g % and their capitals
  int precision = 6;
  bool alternate = false;
};
std::string format_float(double magnitude,
                         const FloatStyle& style);  // magnitude >= 0, infinities and NaN included

}  // namespace fabula::text::jinja
