#include "core/text/jinja/operators.h"

#include <algorithm>

#include "core/base/utf8.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/format.h"
#include "core/text/jinja/markup.h"
#include "core/text/jinja/number.h"

namespace fabula::text::jinja {

bool truth(const Value& value) {
  switch (value.kind()) {
    case Kind::missing:
    case Kind::none:
    case Kind::undefined: return false;
    case Kind::boolean:
    case Kind::integer:
    case Kind::real:
    case Kind::big_integer: return number_truth(value);
    case Kind::iterator: return true;
    case Kind::instance: {
      const int64_t length = length_or_negative(value);
      return length != 0;
    }
    default: return length_or_negative(value) != 0;
  }
}

namespace {

constexpr int kMaxCompareDepth = 400;  // values nest deeper only in a hostile template

bool equal_at(const Value& a, const Value& b, int depth);

bool equal_dicts(const Dict& a, const Dict& b, int depth) {
  if (a.entries.size() != b.entries.size()) return false;
  return std::all_of(a.entries.begin(), a.entries.end(), [&](const Dict::Entry& entry) {
    const Value* other = b.find_or_null(entry.first);
    return other && equal_at(entry.second, *other, depth);
  });
}

bool equal_at(const Value& a, const Value& b, int depth) {
  if (depth > kMaxCompareDepth) fail("RecursionError", "maximum recursion depth exceeded in comparison");
  if (is_number(a) && is_number(b)) return compare_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::missing:
    case Kind::none:
    case Kind::undefined: return true;
    case Kind::string: return view_of(a) == view_of(b);
    case Kind::bytes: return a.as<BytesObject>().bytes == b.as<BytesObject>().bytes;
    case Kind::list:
    case Kind::tuple: {
      if (a.object() == b.object()) return true;
      const auto &x = a.as<Sequence>().items, &y = b.as<Sequence>().items;
      if (x.size() != y.size()) return false;
      for (size_t i = 0; i < x.size(); ++i)
        if (!equal_at(x[i], y[i], depth + 1)) return false;
      return true;
    }
    case Kind::dict: return a.object() == b.object() || equal_dicts(a.as<Dict>(), b.as<Dict>(), depth + 1);
    case Kind::range: {
      const Range &x = a.as<Range>(), &y = b.as<Range>();
      return x.length == y.length &&
             (x.length == 0 || (x.start == y.start && (x.length == 1 || x.step == y.step)));
    }
    default: return a.object() == b.object();
  }
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  return equal_at(a, b, 0);
}

bool identical(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is_object()) {
    if (a.is(Kind::string))
      return a.object() == b.object() || (view_of(a) == view_of(b) && view_of(a).size() <= 1);
    return a.object() == b.object();
  }
  return a.is(Kind::none) || (a.is(Kind::real) ? a.real() == b.real() : a.integer() == b.integer());
}

size_t hash_of(const Value& value) {
  switch (value.kind()) {
    case Kind::string: return std::hash<std::string_view>{}(view_of(value));
    case Kind::bytes: return std::hash<std::string>{}(value.as<BytesObject>().bytes);
    case Kind::none:
    case Kind::missing:
    case Kind::undefined: return static_cast<size_t>(value.kind());
    case Kind::tuple: {
      size_t hash = 0x345678;
      for (const Value& item : value.as<Sequence>().items) hash = hash * 1000003 ^ hash_of(item);
      return hash;
    }
    case Kind::list:
    case Kind::dict: type_error("unhashable type: '" + std::string(type_name(value)) + "'");
    case Kind::view:
      if (value.as<DictView>().of != DictView::Of::values)
        type_error("unhashable type: '" + std::string(type_name(value)) + "'");
      return std::hash<const void*>{}(value.object());
    default: break;
  }
  if (is_number(value)) return hash_number(value);
  return std::hash<const void*>{}(value.object());
}

namespace {

std::string_view sign_of(Order order) {
  constexpr std::string_view signs[] = {"<", "<=", ">", ">="};
  return signs[static_cast<size_t>(order)];
}

bool holds(Order order, int compared) {  // 2: not comparable (NaN)
  if (compared == 2) return false;
  switch (order) {
    case Order::less: return compared < 0;
    case Order::less_equal: return compared <= 0;
    case Order::greater: return compared > 0;
    case Order::greater_equal: return compared >= 0;
  }
  return false;
}

int three_way(std::string_view a, std::string_view b) {  // order of UTF-8 bytes is order of code points
  const int c = a.compare(b);
  return c < 0 ? -1 : c > 0;
}

}  // namespace

bool ordered(Runtime& runtime, const Value& a, Order order, const Value& b) {
  const Runtime::Level level(runtime);
  if (a.is(Kind::undefined)) raise_undefined(a);
  if (b.is(Kind::undefined)) raise_undefined(b);
  if (is_number(a) && is_number(b)) return holds(order, compare_numbers(a, b));
  if (a.is(Kind::string) && b.is(Kind::string)) return holds(order, three_way(view_of(a), view_of(b)));
  if (a.is(Kind::bytes) && b.is(Kind::bytes))
    return holds(order, three_way(a.as<BytesObject>().bytes, b.as<BytesObject>().bytes));
  if (is_sequence(a) && a.kind() == b.kind()) {
    const auto &x = a.as<Sequence>().items, &y = b.as<Sequence>().items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      runtime.step();
      if (!equal(x[i], y[i])) return ordered(runtime, x[i], order, y[i]);
    }
    return holds(order, x.size() < y.size() ? -1 : x.size() > y.size());
  }
  type_error("'" + std::string(sign_of(order)) + "' not supported between instances of '" +
             std::string(type_name(a)) + "' and '" + std::string(type_name(b)) + "'");
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::string:
      if (!item.is(Kind::string))
        type_error("'in <string>' requires string as left operand, not " + std::string(type_name(item)));
      runtime.step_bytes(view_of(container).size());
      return view_of(container).find(view_of(item)) != std::string_view::npos;
    case Kind::dict: return container.as<Dict>().find_or_null(item) != nullptr;
    case Kind::list:
    case Kind::tuple: {
      const auto& items = container.as<Sequence>().items;
      runtime.step(static_cast<int64_t>(items.size()));
      return std::any_of(items.begin(), items.end(), [&](const Value& v) { return equal(v, item); });
    }
    default: break;
  }
  if (!is_iterable(container))
    type_error("argument of type '" + std::string(type_name(container)) + "' is not iterable");
  const Value iterator = iterate(runtime, container);
  for (Value value; next(runtime, iterator, value);)
    if (equal(value, item)) return true;
  return false;
}

namespace {

std::string_view symbol_of(Binary operation) {
  constexpr std::string_view symbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};
  return symbols[static_cast<size_t>(operation)];
}

Value concatenate(Runtime& runtime, const Value& a, const Value& b) {
  const bool markup = a.as<StringObject>().markup || b.as<StringObject>().markup;
  TextBuilder out(runtime);
  if (markup) {  // Markup.__add__ and __radd__ escape the other side
    out.append(escaped(runtime, a));
    out.append(escaped(runtime, b));
  } else {
    out.append(text_of(a));
    out.append(text_of(b));
  }
  return out.value(markup);
}

Value join_sequences(Runtime& runtime, const Value& a, const Value& b) {
  const auto &x = a.as<Sequence>().items, &y = b.as<Sequence>().items;
  runtime.step(static_cast<int64_t>(x.size() + y.size()) / 8);
  std::vector<Value> items;
  items.reserve(x.size() + y.size());
  items.insert(items.end(), x.begin(), x.end());
  items.insert(items.end(), y.begin(), y.end());
  return a.is(Kind::list) ? runtime.heap.list(std::move(items)) : runtime.heap.tuple(std::move(items));
}

Value repeat(Runtime& runtime, const Value& sequence, const Value& times) {
  const int64_t n = times.is(Kind::big_integer) ? (number_repr(times)[0] == '-' ? 0 : INT64_MAX)
                                                : std::max<int64_t>(times.integer(), 0);
  if (sequence.is(Kind::string)) {
    const Text& text = text_of(sequence);
    if (!text.empty() && n > static_cast<int64_t>(runtime.limits.max_output_bytes / text.size()))
      fail("MemoryError", "a repeated string would be longer than " +
                              std::to_string(runtime.limits.max_output_bytes) + " bytes");
    TextBuilder out(runtime);
    for (int64_t i = 0; i < n && !text.empty(); ++i) out.append(text);
    return out.value(sequence.as<StringObject>().markup);
  }
  const auto& items = sequence.as<Sequence>().items;
  if (!items.empty() && n > runtime.limits.max_range / static_cast<int64_t>(items.size()))
    fail("MemoryError",
         "a repeated list would have more than " + std::to_string(runtime.limits.max_range) + " elements");
  std::vector<Value> out;
  for (int64_t i = 0; i < n && !items.empty(); ++i) out.insert(out.end(), items.begin(), items.end());
  runtime.step(static_cast<int64_t>(out.size()));
  return sequence.is(Kind::list) ? runtime.heap.list(std::move(out)) : runtime.heap.tuple(std::move(out));
}

bool is_int(const Value& v) {
  return is_int_like(v) || v.is(Kind::big_integer);
}
bool repeatable(const Value& v) {
  return v.is(Kind::string) || is_sequence(v);
}

[[noreturn]] void unsupported(Binary operation, const Value& a, const Value& b) {
  const std::string left(type_name(a)), right(type_name(b));
  if (operation == Binary::add && (a.is(Kind::string) || is_sequence(a)))
    type_error("can only concatenate " + left + " (not \"" + right + "\") to " + left);
  if (operation == Binary::multiply && (repeatable(a) || repeatable(b)))
    type_error("can't multiply sequence by non-int of type '" + (repeatable(a) ? right : left) + "'");
  type_error("unsupported operand type(s) for " + std::string(symbol_of(operation)) + ": '" + left +
             "' and '" + right + "'");
}

}  // namespace

Value binary(Runtime& runtime, Binary operation, const Value& a, const Value& b) {
  if (is_number(a) && is_number(b)) return numeric_binary(runtime, operation, a, b);
  if (operation == Binary::modulo && a.is(Kind::string)) return format_percent(runtime, a, b);
  if (a.is(Kind::undefined)) raise_undefined(a);
  if (b.is(Kind::undefined)) raise_undefined(b);
  if (operation == Binary::add) {
    if (a.is(Kind::string) && b.is(Kind::string)) return concatenate(runtime, a, b);
    if (is_sequence(a) && a.kind() == b.kind()) return join_sequences(runtime, a, b);
  }
  if (operation == Binary::multiply) {
    if (repeatable(a) && is_int(b)) return repeat(runtime, a, b);
    if (repeatable(b) && is_int(a)) return repeat(runtime, b, a);
  }
  unsupported(operation, a, b);
}

Value negative(Runtime& runtime, const Value& a) {
  if (is_number(a)) return numeric_negative(runtime, a);
  if (a.is(Kind::undefined)) raise_undefined(a);
  type_error("bad operand type for unary -: '" + std::string(type_name(a)) + "'");
}

Value positive(Runtime&, const Value& a) {
  if (a.is(Kind::boolean)) return Value::of(a.integer());
  if (is_number(a)) return a;
  if (a.is(Kind::undefined)) raise_undefined(a);
  type_error("bad operand type for unary +: '" + std::string(type_name(a)) + "'");
}

std::string object_type_repr(const Value& value) {
  if (value.is(Kind::none)) return "None";
  if (value.is(Kind::instance)) return value.as<Instance>().type_for_messages();
  if (value.is(Kind::string) && value.as<StringObject>().markup) return "markupsafe.Markup object";
  return std::string(type_name(value)) + " object";
}

std::string undefined_message(const Value& value) {
  const Undefined& undefined = value.as<Undefined>();
  if (!undefined.hint.empty()) return undefined.hint;
  // The name's repr is short: a name, an attribute or a subscript. Long ones are cut.
  std::string name =
      undefined.name.is(Kind::string) ? repr_of_name(view_of(undefined.name)) : plain_repr(undefined.name);
  if (undefined.object_type.empty()) return name + " is undefined";
  if (!undefined.name.is(Kind::string)) return undefined.object_type + " has no element " + name;
  return "'" + undefined.object_type + "' has no attribute " + name;
}

void raise_undefined(const Value& value) {
  fail(value.as<Undefined>().unsafe ? "SecurityError" : "UndefinedError", undefined_message(value));
}

}  // namespace fabula::text::jinja
