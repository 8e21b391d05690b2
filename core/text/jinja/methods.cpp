// Methods of str, bytes, list, tuple, dict, int and float. Those that would change a list or dict are refused
// before.
#include <algorithm>
#include <cmath>

#include "core/base/utf8.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/instances.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

bool is_group(const Value& value);

namespace {

// ---- dict

Dict& self_dict(Bound& a) {
  return a.self.as<Dict>();
}

template <DictView::Of of>
Value dict_view(Runtime& runtime, Bound& a) {
  return runtime.heap.make<DictView>(Kind::view, a.self, of);
}

Value dict_get(Runtime&, Bound& a) {
  const Value* found = self_dict(a).find_or_null(a[0]);
  return found ? *found : a.has(1) ? a[1] : Value::none();
}

Value dict_copy(Runtime& runtime, Bound& a) {
  Value copy = runtime.heap.dict();
  for (const auto& [key, value] : self_dict(a).entries) copy.as<Dict>().set(key, value);
  return copy;
}

Value dict_from_keys(Runtime& runtime, Bound& a) {
  Value made = runtime.heap.dict();
  const Value iterator = iterate(runtime, a[0]);
  for (Value key; next(runtime, iterator, key);) made.as<Dict>().set(key, a.has(1) ? a[1] : Value::none());
  return made;
}

constexpr Builtin kDict[] = {
    {"get", "key default? /", dict_get},
    {"items", "", dict_view<DictView::Of::items>},
    {"keys", "", dict_view<DictView::Of::keys>},
    {"values", "", dict_view<DictView::Of::values>},
    {"copy", "", dict_copy},
    {"fromkeys", "iterable value? /", dict_from_keys},
};

// ---- list and tuple

Value sequence_index(Runtime& runtime, Bound& a) {
  const auto& items = a.self.as<Sequence>().items;
  const int64_t n = static_cast<int64_t>(items.size());
  const auto bound = [&](size_t i, int64_t otherwise) {
    if (!a.has(i)) return otherwise;
    int64_t at = index_of(a[i], "slice indices must be integers or have an __index__ method");
    if (at < 0) at += n;
    return std::clamp<int64_t>(at, 0, n);
  };
  const int64_t stop = bound(2, n);
  for (int64_t i = bound(1, 0); i < stop; ++i)
    if (equal(items[static_cast<size_t>(i)], a[0])) return Value::of(i);
  value_error(a.self.is(Kind::tuple) ? "tuple.index(x): x not in tuple"
                                     : repr_bytes(runtime, a[0]) + " is not in list");
}

Value sequence_count(Runtime&, Bound& a) {
  const auto& items = a.self.as<Sequence>().items;
  return Value::of(static_cast<int64_t>(
      std::count_if(items.begin(), items.end(), [&](const Value& v) { return equal(v, a[0]); })));
}

Value list_copy(Runtime& runtime, Bound& a) {
  return runtime.heap.list(a.self.as<Sequence>().items);
}

constexpr Builtin kList[] = {
    {"index", "value start? stop? /", sequence_index},
    {"count", "value /", sequence_count},
    {"copy", "", list_copy},
};
constexpr Builtin kTuple[] = {
    {"index", "value start? stop? /", sequence_index},
    {"count", "value /", sequence_count},
};

// ---- range

Value range_index(Runtime& runtime, Bound& a) {
  const Value iterator = iterate(runtime, a.self);
  int64_t at = 0;
  for (Value item; next(runtime, iterator, item); ++at)
    if (equal(item, a[0])) return Value::of(at);
  value_error(repr_bytes(runtime, a[0]) + " is not in range");
}

Value range_count(Runtime& runtime, Bound& a) {
  return Value::of(int64_t{contains(runtime, a.self, a[0])});
}

constexpr Builtin kRange[] = {{"index", "value /", range_index}, {"count", "value /", range_count}};

// ---- numbers

Value is_integer(Runtime&, Bound& a) {
  return Value::of(std::isfinite(a.self.real()) && a.self.real() == std::floor(a.self.real()));
}
Value bit_length(Runtime& runtime, Bound& a) {
  const std::string digits = format_integer(absolute(runtime, a.self), 2, false);
  return Value::of(digits == "0" ? int64_t{0} : static_cast<int64_t>(digits.size()));
}
Value bit_count(Runtime& runtime, Bound& a) {
  const std::string digits = format_integer(absolute(runtime, a.self), 2, false);
  return Value::of(static_cast<int64_t>(std::count(digits.begin(), digits.end(), '1')));
}
Value itself(Runtime& runtime, Bound& a) {
  return positive(runtime, a.self);
}

constexpr Builtin kInt[] = {
    {"bit_length", "", bit_length},
    {"bit_count", "", bit_count},
    {"conjugate", "", itself},
};
constexpr Builtin kFloat[] = {{"is_integer", "", is_integer}, {"conjugate", "", itself}};

// ---- bytes

Value decode(Runtime& runtime, Bound& a) {
  const std::string& bytes = a.self.as<BytesObject>().bytes;
  const bool replace = a.has(1) && str_bytes(runtime, a[1]) == "replace";
  if (!replace && !is_valid_utf8(bytes)) fail("UnicodeDecodeError", "'utf-8' codec can't decode the bytes");
  return runtime.heap.string(replace_invalid_utf8(bytes));
}
Value hex(Runtime& runtime, Bound& a) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : a.self.as<BytesObject>().bytes)
    (out += digits[static_cast<unsigned char>(c) >> 4]) += digits[c & 15];
  return runtime.heap.string(std::move(out));
}
constexpr Builtin kBytes[] = {{"decode", "encoding? errors?", decode}, {"hex", "", hex}};

}  // namespace

const Builtin* find_method(const Value& self, std::string_view name) {
  switch (self.kind()) {
    case Kind::string:
      for (const auto table : {string_methods(), string_test_methods(), string_layout_methods()})
        if (const Builtin* found = find_builtin(table, name)) return found;
      return nullptr;
    case Kind::dict: return find_builtin(kDict, name);
    case Kind::list: return find_builtin(kList, name);
    case Kind::tuple: return find_builtin(kTuple, name);
    case Kind::range: return find_builtin(kRange, name);
    case Kind::boolean:
    case Kind::integer:
    case Kind::big_integer: return find_builtin(kInt, name);
    case Kind::real: return find_builtin(kFloat, name);
    case Kind::bytes: return find_builtin(kBytes, name);
    default: return nullptr;
  }
}

// Fields that are no methods.
Value field_or_missing(const Value& self, std::string_view name) {
  if (is_group(self)) {
    if (name == "grouper") return self.as<Sequence>().items[0];
    if (name == "list") return self.as<Sequence>().items[1];
  }
  if (self.is(Kind::range)) {
    const Range& range = self.as<Range>();
    if (name == "start") return Value::of(range.start);
    if (name == "stop") return Value::of(range.stop);
    if (name == "step") return Value::of(range.step);
  }
  if (is_number(self)) {
    const bool is_real = self.is(Kind::real);
    if (name == "real") return self.is(Kind::boolean) ? Value::of(self.integer()) : self;
    if (name == "imag") return is_real ? Value::of(0.0) : Value::of(int64_t{0});
    if (!is_real && name == "numerator") return self.is(Kind::boolean) ? Value::of(self.integer()) : self;
    if (!is_real && name == "denominator") return Value::of(int64_t{1});
  }
  return {};
}

}  // namespace fabula::text::jinja
