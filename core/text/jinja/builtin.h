// Functions that templates can call: filters, tests, methods, globals. Each is one row of a table.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/jinja/runtime.h"
#include "core/text/jinja/value.h"

namespace fabula::text::jinja {

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;
};

// Arguments after they were matched with a row's parameters. What was not given is missing.
struct Bound {
  static constexpr size_t kMax = 8;
  std::array<Value, kMax> values;
  Arguments rest;  // what "*" and "**" take
  Value self;      // of a method
  const Value& operator[](size_t i) const { return values[i]; }
  bool has(size_t i) const { return !values[i].is(Kind::missing); }
  bool has_value(size_t i) const { return has(i) && !values[i].is(Kind::none); }
};

struct Builtin {
  std::string_view name;
  // Names parted by spaces; "x?" may be absent, "/" ends those that cannot be named, "*" takes further
  // positional arguments and "**" further named ones.
  std::string_view parameters;
  Value (*function)(Runtime&, Bound&);
  std::string_view python_name = {};  // in messages; the name where empty
  int hidden = 0;                     // arguments that Jinja passes itself and Python counts in its messages
};

Value call_builtin(Runtime& runtime, const Builtin& builtin, const Value& self, Arguments& arguments);

const Builtin* find_builtin(std::span<const Builtin> table, std::string_view name);

const Builtin* find_filter(std::string_view name);
const Builtin* find_test(std::string_view name);
const Builtin* find_method(const Value& self, std::string_view name);
Value field_or_missing(const Value& self, std::string_view name);  // attributes that are no methods
Value global_or_missing(Runtime& runtime, std::string_view name);

// The tables, one per file; filters.cpp and methods.cpp join them.
std::span<const Builtin> text_filters();
std::span<const Builtin> markup_filters();
std::span<const Builtin> number_filters();
std::span<const Builtin> sequence_filters();
std::span<const Builtin> select_filters();
std::span<const Builtin> layout_filters();
std::span<const Builtin> string_methods();
std::span<const Builtin> string_test_methods();
std::span<const Builtin> string_layout_methods();

// A filter by name, as `map` calls it: TemplateRuntimeError where there is none.
Value call_filter(Runtime& runtime, const Value& name, Arguments& arguments);
bool call_test(Runtime& runtime, const Value& name, Arguments& arguments);

// A builtin as a value; with `self` a bound method.
Value function_value(Runtime& runtime, const Builtin& builtin, Value self = {});

}  // namespace fabula::text::jinja
