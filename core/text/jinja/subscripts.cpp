// x.name, x[key], x[a:b:c] in the immutable sandbox.
#include <algorithm>
#include <array>

#include "core/base/utf8.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

// Attributes that every Python object has and the sandbox keeps private.
constexpr std::array kObjectAttributes = {
    "__class__",   "__delattr__", "__dir__",           "__doc__",         "__eq__",
    "__format__",  "__ge__",      "__getattribute__",  "__getstate__",    "__gt__",
    "__hash__",    "__init__",    "__init_subclass__", "__le__",          "__lt__",
    "__ne__",      "__new__",     "__reduce__",        "__reduce_ex__",   "__repr__",
    "__setattr__", "__sizeof__",  "__str__",           "__subclasshook__"};
constexpr std::array kContainerAttributes = {
    "__len__",  "__getitem__", "__contains__", "__iter__",         "__add__",
    "__mul__",  "__rmul__",    "__reversed__", "__getnewargs__",   "__mod__",
    "__rmod__", "__setitem__", "__delitem__",  "__iadd__",         "__imul__",
    "__or__",   "__ror__",     "__ior__",      "__class_getitem__"};
constexpr std::array kNumberAttributes = {"__abs__",   "__add__", "__bool__",    "__divmod__",   "__float__",
                                          "__int__",   "__mul__", "__neg__",     "__pow__",      "__radd__",
                                          "__round__", "__sub__", "__truediv__", "__floordiv__", "__mod__"};
constexpr std::array kFunctionAttributes = {"__globals__",    "__code__",     "__call__",    "__closure__",
                                            "__defaults__",   "__dict__",     "__get__",     "__module__",
                                            "__name__",       "__qualname__", "__wrapped__", "__builtins__",
                                            "__kwdefaults__", "__self__",     "__func__"};

template <size_t N>
bool listed(const std::array<const char*, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_private_attribute(const Value& object, std::string_view name) {
  if (listed(kObjectAttributes, name)) return true;
  if (object.is(Kind::instance)) return object.as<Instance>().callable() && listed(kFunctionAttributes, name);
  if (is_number(object)) return listed(kNumberAttributes, name);
  return length_or_negative(object) >= 0 && listed(kContainerAttributes, name);
}

// What would change a list or dict; Jinja's _mutable_spec.
bool modifies(const Value& object, std::string_view name) {
  constexpr std::array list_names = {"append", "clear", "pop",    "reverse",
                                     "insert", "sort",  "extend", "remove"};
  constexpr std::array dict_names = {"clear", "pop", "popitem", "setdefault", "update"};
  if (object.is(Kind::list)) return listed(list_names, name);
  return object.is(Kind::dict) && listed(dict_names, name);
}

Value undefined_attribute(Runtime& runtime, const Value& object, const Value& name) {
  Value value = runtime.heap.make<Undefined>(Kind::undefined);
  value.as<Undefined>().object_type = object_type_repr(object);
  value.as<Undefined>().name = name;
  return value;
}

Value unsafe_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  Value value = runtime.heap.undefined("access to attribute " + repr_of_name(name) + " of " +
                                       repr_of_name(type_name(object)) + " object is unsafe.");
  value.as<Undefined>().unsafe = true;
  return value;
}

bool starts_and_ends_with_dunder(std::string_view name) {
  return name.starts_with("__") && name.ends_with("__");
}

// obj[key] without errors: missing where Python raises TypeError or LookupError.
Value item_or_missing(Runtime& runtime, const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::dict: {
      if (key.is(Kind::list) || key.is(Kind::dict)) return {};
      const Value* found = object.as<Dict>().find_or_null(key);
      return found ? *found : Value{};
    }
    case Kind::undefined: raise_undefined(object);
    case Kind::list:
    case Kind::tuple:
    case Kind::string:
    case Kind::bytes:
    case Kind::range: break;
    default: return {};
  }
  if (!is_int_like(key)) return {};
  const int64_t length = length_of(object);
  int64_t index = key.integer();
  if (index < 0) index += length;
  if (index < 0 || index >= length) return {};
  if (is_sequence(object)) return object.as<Sequence>().items[static_cast<size_t>(index)];
  if (object.is(Kind::string)) return char_at(runtime, object, index);
  if (object.is(Kind::range)) return Value::of(object.as<Range>().start + index * object.as<Range>().step);
  return Value::of(static_cast<int64_t>(
      static_cast<unsigned char>(object.as<BytesObject>().bytes[static_cast<size_t>(index)])));
}

}  // namespace

Value own_attribute_or_missing(Runtime& runtime, const Value& object, std::string_view name, bool& unsafe) {
  unsafe = false;
  if (object.is(Kind::undefined)) {
    if (starts_and_ends_with_dunder(name) && !is_private_attribute(object, name)) return {};
    if (!starts_and_ends_with_dunder(name)) raise_undefined(object);
  }
  if (object.is(Kind::instance)) {
    Value value = object.as<Instance>().attribute_or_missing(runtime, name);
    if (!value.is(Kind::missing)) {
      unsafe = name.starts_with('_');
      return value;
    }
  }
  if (is_private_attribute(object, name) || modifies(object, name)) {
    unsafe = true;
    return Value::none();
  }
  if (const Builtin* method = find_method(object, name)) return function_value(runtime, *method, object);
  return field_or_missing(object, name);
}

Value get_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (object.is(Kind::dict)) {  // the common case: a key that is no method's name
    const Dict& dict = object.as<Dict>();
    if (!find_method(object, name) && !modifies(object, name) && !is_private_attribute(object, name)) {
      const Value* found = dict.find_or_null(name);
      return found ? *found : undefined_attribute(runtime, object, runtime.string(name));
    }
  }
  bool unsafe = false;
  Value value = own_attribute_or_missing(runtime, object, name, unsafe);
  if (unsafe) return unsafe_attribute(runtime, object, name);
  if (!value.is(Kind::missing)) return value;
  const Value key = runtime.string(name);
  value = item_or_missing(runtime, object, key);
  return value.is(Kind::missing) ? undefined_attribute(runtime, object, key) : value;
}

Value get_item(Runtime& runtime, const Value& object, const Value& key) {
  Value value = item_or_missing(runtime, object, key);
  if (!value.is(Kind::missing)) return value;
  if (key.is(Kind::string)) {
    bool unsafe = false;
    value = own_attribute_or_missing(runtime, object, view_of(key), unsafe);
    if (unsafe) return unsafe_attribute(runtime, object, view_of(key));
    if (!value.is(Kind::missing)) return value;
  }
  return undefined_attribute(runtime, object, key);
}

int64_t length_or_negative(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined: return 0;
    case Kind::string: return static_cast<int64_t>(value.as<StringObject>().chars());
    case Kind::bytes: return static_cast<int64_t>(value.as<BytesObject>().bytes.size());
    case Kind::list:
    case Kind::tuple: return static_cast<int64_t>(value.as<Sequence>().items.size());
    case Kind::dict: return static_cast<int64_t>(value.as<Dict>().entries.size());
    case Kind::view: return length_or_negative(value.as<DictView>().dict);
    case Kind::range: return value.as<Range>().length;
    default: return -1;
  }
}

int64_t length_of(const Value& value) {
  const int64_t length = length_or_negative(value);
  if (length < 0) type_error("object of type '" + std::string(type_name(value)) + "' has no len()");
  return length;
}

Value char_at(Runtime& runtime, const Value& string, int64_t index) {
  const StringObject& object = string.as<StringObject>();
  size_t begin = static_cast<size_t>(index), end = begin + 1;
  if (!object.ascii()) {
    runtime.step_bytes(begin);
    begin = skip_chars(object.text.view(), 0, begin);
    end = skip_chars(object.text.view(), begin, 1);
  }
  return runtime.heap.string(object.text.slice(begin, end), object.markup);
}

int64_t index_of(const Value& value, std::string_view what) {
  if (is_int_like(value)) return value.integer();
  if (value.is(Kind::big_integer)) fail("OverflowError", "Python int too large to convert to C ssize_t");
  if (value.is(Kind::undefined)) raise_undefined(value);
  type_error(std::string(what));
}

SliceBounds slice_bounds(const Value& start, const Value& stop, const Value& step, int64_t length) {
  const auto given = [](const Value& v) { return !v.is(Kind::missing) && !v.is(Kind::none); };
  const auto number = [](const Value& v) {
    if (v.is(Kind::big_integer)) return number_repr(v)[0] == '-' ? -INT64_MAX : INT64_MAX;
    if (is_int_like(v)) return std::max(v.integer(), -INT64_MAX);
    type_error("slice indices must be integers or None or have an __index__ method");
  };
  SliceBounds bounds{0, 1, 0};
  if (given(step)) bounds.step = number(step);
  if (bounds.step == 0) value_error("slice step cannot be zero");
  const bool backward = bounds.step < 0;
  const auto clamp = [&](const Value& v, int64_t absent) {
    if (!given(v)) return absent;
    int64_t at = number(v);
    if (at < 0) at = at < -length ? (backward ? -1 : 0) : at + length;
    return std::min(at, backward ? length - 1 : length);
  };
  bounds.start = clamp(start, backward ? length - 1 : 0);
  const int64_t end = clamp(stop, backward ? -1 : length);
  if (backward && bounds.start > end) bounds.count = (bounds.start - end - 1) / -bounds.step + 1;
  if (!backward && bounds.start < end) bounds.count = (end - bounds.start - 1) / bounds.step + 1;
  return bounds;
}

namespace {

Value slice_string(Runtime& runtime, const Value& string, const SliceBounds& bounds) {
  const StringObject& object = string.as<StringObject>();
  const std::string_view view = object.text.view();
  runtime.step_bytes(view.size());
  if (bounds.step == 1) {
    size_t begin = static_cast<size_t>(bounds.start), end = begin + static_cast<size_t>(bounds.count);
    if (!object.ascii()) {
      begin = skip_chars(view, 0, begin);
      end = skip_chars(view, begin, static_cast<size_t>(bounds.count));
    }
    return runtime.heap.string(object.text.slice(begin, end), object.markup);
  }
  std::vector<size_t> positions;  // of the characters, in bytes
  for (size_t at = 0; at < view.size(); at = skip_chars(view, at, 1)) positions.push_back(at);
  TextBuilder out(runtime);
  int64_t at = bounds.start;
  for (int64_t i = 0; i < bounds.count; ++i, at += bounds.step) {
    const size_t begin = positions[static_cast<size_t>(at)];
    out.append(object.text, begin, skip_chars(view, begin, 1));
  }
  return out.value(object.markup);
}

}  // namespace

Value get_slice(Runtime& runtime, const Value& object, const Value& start, const Value& stop,
                const Value& step) {
  switch (object.kind()) {
    case Kind::undefined: raise_undefined(object);
    case Kind::dict: type_error("unhashable type: 'slice'");
    case Kind::string:
    case Kind::bytes:
    case Kind::list:
    case Kind::tuple:
    case Kind::range: break;
    default: type_error("'" + std::string(type_name(object)) + "' object is not subscriptable");
  }
  const SliceBounds bounds = slice_bounds(start, stop, step, length_of(object));
  if (object.is(Kind::string)) return slice_string(runtime, object, bounds);
  if (object.is(Kind::range)) {
    const Range& range = object.as<Range>();
    const int64_t first = range.start + bounds.start * range.step, by = range.step * bounds.step;
    return runtime.heap.make<Range>(Kind::range, first, first + by * bounds.count, by, bounds.count);
  }
  runtime.step(bounds.count / 8);
  int64_t at = bounds.start;
  if (object.is(Kind::bytes)) {
    std::string out;
    for (int64_t i = 0; i < bounds.count; ++i, at += bounds.step)
      out += object.as<BytesObject>().bytes[static_cast<size_t>(at)];
    return runtime.heap.make<BytesObject>(Kind::bytes, std::move(out));
  }
  std::vector<Value> items;
  items.reserve(static_cast<size_t>(bounds.count));
  for (int64_t i = 0; i < bounds.count; ++i, at += bounds.step)
    items.push_back(object.as<Sequence>().items[static_cast<size_t>(at)]);
  return object.is(Kind::list) ? runtime.heap.list(std::move(items)) : runtime.heap.tuple(std::move(items));
}

}  // namespace fabula::text::jinja
