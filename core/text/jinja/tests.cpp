// All tests by name.
#include "core/base/utf8.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

Value yes_or_no(bool holds) {
  return Value::of(holds);
}

template <int remainder>
Value has_remainder(Runtime& runtime, Bound& a) {
  return yes_or_no(
      equal(binary(runtime, Binary::modulo, a[0], Value::of(int64_t{2})), Value::of(int64_t{remainder})));
}

Value divisibleby(Runtime& runtime, Bound& a) {
  return yes_or_no(equal(binary(runtime, Binary::modulo, a[0], a[1]), Value::of(int64_t{0})));
}

template <Kind... kinds>
Value is_kind(Runtime&, Bound& a) {
  return yes_or_no((a[0].is(kinds) || ...));
}

Value defined(Runtime&, Bound& a) {
  return yes_or_no(!a[0].is(Kind::undefined));
}
Value true_(Runtime&, Bound& a) {
  return yes_or_no(a[0].is(Kind::boolean) && a[0].boolean());
}
Value false_(Runtime&, Bound& a) {
  return yes_or_no(a[0].is(Kind::boolean) && !a[0].boolean());
}
Value number(Runtime&, Bound& a) {
  return yes_or_no(is_number(a[0]));
}
Value filter(Runtime&, Bound& a) {
  return hash_of(a[0]), yes_or_no(a[0].is(Kind::string) && find_filter(view_of(a[0])));
}
Value test(Runtime&, Bound& a) {
  return hash_of(a[0]), yes_or_no(a[0].is(Kind::string) && find_test(view_of(a[0])));
}

// str(value).islower() and isupper()
template <bool upper>
Value cased(Runtime& runtime, Bound& a) {
  const Value s = to_str(runtime, a[0]);
  const std::string_view view = view_of(s);
  bool any = false;
  for (size_t at = 0; at < view.size();) {
    const char32_t c = decode_utf8(view, at);
    if (is_title(c) || (upper ? is_lower(c) : is_upper(c))) return yes_or_no(false);
    any |= upper ? is_upper(c) : is_lower(c);
  }
  return yes_or_no(any);
}

Value sequence(Runtime&, Bound& a) {  // len() and subscripts; a dict's views have no subscripts
  return yes_or_no(length_or_negative(a[0]) >= 0 && !a[0].is(Kind::view));
}
Value iterable(Runtime&, Bound& a) {
  return yes_or_no(is_iterable(a[0]));
}
Value callable(Runtime&, Bound& a) {
  return yes_or_no(a[0].is(Kind::undefined) || (a[0].is(Kind::instance) && a[0].as<Instance>().callable()));
}
Value sameas(Runtime&, Bound& a) {
  return yes_or_no(identical(a[0], a[1]));
}
Value escaped(Runtime&, Bound& a) {
  return yes_or_no(a[0].is(Kind::string) && a[0].as<StringObject>().markup);
}
Value in(Runtime& runtime, Bound& a) {
  return yes_or_no(contains(runtime, a[1], a[0]));
}
Value equal_to(Runtime&, Bound& a) {
  return yes_or_no(equal(a[0], a[1]));
}
Value not_equal_to(Runtime&, Bound& a) {
  return yes_or_no(!equal(a[0], a[1]));
}

template <Order order>
Value compared(Runtime& runtime, Bound& a) {
  return yes_or_no(ordered(runtime, a[0], order, a[1]));
}

constexpr Builtin kTable[] = {
    {"defined", "value", defined, "test_defined"},
    {"undefined", "value", is_kind<Kind::undefined>, "test_undefined"},
    {"none", "value", is_kind<Kind::none>, "test_none"},
    {"string", "value", is_kind<Kind::string>, "test_string"},
    {"mapping", "value", is_kind<Kind::dict>, "test_mapping"},
    {"boolean", "value", is_kind<Kind::boolean>, "test_boolean"},
    {"integer", "value", is_kind<Kind::integer, Kind::big_integer>, "test_integer"},
    {"float", "value", is_kind<Kind::real>, "test_float"},
    {"number", "value", number, "test_number"},
    {"true", "value", true_, "test_true"},
    {"false", "value", false_, "test_false"},
    {"iterable", "value", iterable, "test_iterable"},
    {"sequence", "value", sequence, "test_sequence"},
    {"callable", "obj /", callable},
    {"sameas", "value other", sameas, "test_sameas"},
    {"escaped", "value", escaped, "test_escaped"},
    {"lower", "value", cased<false>, "test_lower"},
    {"upper", "value", cased<true>, "test_upper"},
    {"odd", "value", has_remainder<1>, "test_odd"},
    {"even", "value", has_remainder<0>, "test_even"},
    {"divisibleby", "value num", divisibleby, "test_divisibleby"},
    {"filter", "value", filter, "test_filter", 1},
    {"test", "value", test, "test_test", 1},
    {"in", "value seq", in, "test_in"},
    {"==", "a b /", equal_to, "eq"},
    {"eq", "a b /", equal_to, "eq"},
    {"equalto", "a b /", equal_to, "eq"},
    {"!=", "a b /", not_equal_to, "ne"},
    {"ne", "a b /", not_equal_to, "ne"},
    {">", "a b /", compared<Order::greater>, "gt"},
    {"gt", "a b /", compared<Order::greater>, "gt"},
    {"greaterthan", "a b /", compared<Order::greater>, "gt"},
    {">=", "a b /", compared<Order::greater_equal>, "ge"},
    {"ge", "a b /", compared<Order::greater_equal>, "ge"},
    {"<", "a b /", compared<Order::less>, "lt"},
    {"lt", "a b /", compared<Order::less>, "lt"},
    {"lessthan", "a b /", compared<Order::less>, "lt"},
    {"<=", "a b /", compared<Order::less_equal>, "le"},
    {"le", "a b /", compared<Order::less_equal>, "le"},
};

}  // namespace

const Builtin* find_test(std::string_view name) {
  return find_builtin(kTable, name);
}

}  // namespace fabula::text::jinja
