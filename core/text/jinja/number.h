// Python's numbers: int without bounds (up to a sane size), float, bool as int.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/text/jinja/operators.h"
#include "core/text/jinja/runtime.h"

namespace fabula::text::jinja {

Value numeric_binary(Runtime& runtime, Binary operation, const Value& a, const Value& b);  // both numbers
Value numeric_negative(Runtime& runtime, const Value& a);
Value absolute(Runtime& runtime, const Value& a);
int compare_numbers(const Value& a, const Value& b);  // -1, 0, 1; 2 where one is NaN
size_t hash_number(const Value& a);
bool number_truth(const Value& a);

std::string number_repr(const Value& a);
std::string float_repr(double value);                              // Python's repr: shortest that reads back
std::string format_integer(const Value& a, int base, bool upper);  // digits with sign, no prefix
double to_double(const Value& a);                                  // OverflowError where an int is too large
Value truncate_to_int(Runtime& runtime, double value);  // ValueError, OverflowError for NaN and infinities
Value round_python(Runtime& runtime, const Value& value, int64_t digits);
Value int_from_digits(Runtime& runtime, std::string_view digits, int base);  // digits are valid

// int(text, base) and float(text); none where Python raises ValueError.
std::optional<Value> parse_int(Runtime& runtime, std::string_view text, int base);
std::optional<double> parse_float(std::string_view text);

}  // namespace fabula::text::jinja
