// Python's operators over values: truth, comparison, arithmetic, subscripts, attributes, iteration.
// All raise the exceptions that Python and Jinja's sandbox raise, with their words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/text/jinja/runtime.h"
#include "core/text/jinja/value.h"

namespace fabula::text::jinja {

enum class Binary : uint8_t { add, subtract, multiply, divide, floor_divide, modulo, power };
enum class Order : uint8_t { less, less_equal, greater, greater_equal };

bool truth(const Value& value);
bool equal(const Value& a, const Value& b);
bool identical(const Value& a, const Value& b);  // Python's `is`
size_t hash_of(const Value& value);              // TypeError for lists and dicts
bool ordered(Runtime& runtime, const Value& a, Order order, const Value& b);
bool contains(Runtime& runtime, const Value& container, const Value& item);
Value binary(Runtime& runtime, Binary operation, const Value& a, const Value& b);
Value negative(Runtime& runtime, const Value& a);
Value positive(Runtime& runtime, const Value& a);

[[noreturn]] void raise_undefined(const Value& undefined);
std::string undefined_message(const Value& undefined);
std::string object_type_repr(const Value& value);  // "dict object", "None"

// str(value) and repr(value).
void append_str(TextBuilder& out, const Value& value);
void append_repr(TextBuilder& out, const Value& value);
Value to_str(Runtime& runtime, const Value& value);  // keeps Markup
std::string str_bytes(Runtime& runtime, const Value& value);
std::string repr_bytes(Runtime& runtime, const Value& value);
std::string repr_of_name(std::string_view name);  // quoted as Python quotes it
std::string plain_repr(const Value& value);  // repr of what needs no runtime: numbers, strings, flat tuples

// Jinja's environment.getattr and getitem in the immutable sandbox.
Value get_attribute(Runtime& runtime, const Value& object, std::string_view name);
Value get_item(Runtime& runtime, const Value& object, const Value& key);
// getattr alone: methods and fields; missing where there is none. `unsafe` tells that the sandbox refuses it.
Value own_attribute_or_missing(Runtime& runtime, const Value& object, std::string_view name, bool& unsafe);
Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                const Value& step);
struct SliceBounds {
  int64_t start, step, count;
};
SliceBounds slice_bounds(const Value& start, const Value& stop, const Value& step, int64_t length);

int64_t length_of(const Value& value);  // len(); TypeError
int64_t length_or_negative(const Value& value);
Value char_at(Runtime& runtime, const Value& string, int64_t index);  // index within the string

// iter(). The result is an Iterator.
Value iterate(Runtime& runtime, const Value& value);
bool is_iterable(const Value& value);
std::vector<Value> collect(Runtime& runtime, const Value& iterable);
inline bool next(Runtime& runtime, const Value& iterator, Value& out) {
  runtime.step();
  return iterator.as<Iterator>().next(runtime, out);
}
Value reversed(Runtime& runtime, const Value& value);  // of what can_reverse(); TypeError otherwise
bool can_reverse(const Value& value);

int64_t index_of(const Value& value,
                 std::string_view what);  // an int that fits, else TypeError/OverflowError

}  // namespace fabula::text::jinja
