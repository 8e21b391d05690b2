#include <cmath>
#include <cstdio>

#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

namespace {

Value abs_filter(Runtime& runtime, Bound& a) {
  if (is_number(a[0])) return absolute(runtime, a[0]);
  type_error("bad operand type for abs(): '" + std::string(type_name(a[0])) + "'");
}

// float(value) of the two kinds that have one; none where Python raises TypeError or ValueError.
std::optional<double> as_float(const Value& value) {
  if (value.is(Kind::undefined)) raise_undefined(value);
  if (is_number(value)) return to_double(value);
  if (value.is(Kind::string)) return parse_float(view_of(value));
  return std::nullopt;
}

Value int_filter(Runtime& runtime, Bound& a) {
  const Value otherwise = a.has(1) ? a[1] : Value::of(int64_t{0});
  if (a[0].is(Kind::string)) {
    const int64_t base = a.has(2) ? index_of(a[2], "'" + std::string(type_name(a[2])) +
                                                       "' object cannot be interpreted as an integer")
                                  : 10;
    if (base == 0 || (base >= 2 && base <= 36))
      if (const auto value = parse_int(runtime, view_of(a[0]), static_cast<int>(base))) return *value;
    const auto value = parse_float(view_of(a[0]));
    return value && std::isfinite(*value) ? truncate_to_int(runtime, *value) : otherwise;
  }
  if (a[0].is(Kind::real))
    return std::isfinite(a[0].real()) ? truncate_to_int(runtime, a[0].real()) : otherwise;
  if (a[0].is(Kind::boolean)) return Value::of(a[0].integer());
  if (a[0].is(Kind::undefined)) raise_undefined(a[0]);
  return is_number(a[0]) ? a[0] : otherwise;
}

Value float_filter(Runtime&, Bound& a) {
  if (const auto value = as_float(a[0])) return Value::of(*value);
  return a.has(1) ? a[1] : Value::of(0.0);
}

Value round_filter(Runtime& runtime, Bound& a) {
  const std::string method = a.has(2) ? str_bytes(runtime, a[2]) : "common";
  if (method != "common" && method != "ceil" && method != "floor")
    fail("FilterArgumentError", "method must be common, ceil or floor");
  const Value precision = a.has(1) ? a[1] : Value::of(int64_t{0});
  if (!is_number(a[0])) {
    if (method == "common")
      type_error("type " + std::string(type_name(a[0])) + " doesn't define __round__ method");
    if (a[0].is(Kind::undefined)) raise_undefined(a[0]);
    type_error("can't multiply sequence by non-int of type 'float'");
  }
  if (method == "common")
    return round_python(runtime, a[0],
                        index_of(precision, "'" + std::string(type_name(precision)) +
                                                "' object cannot be interpreted as an integer"));
  const Value unit = binary(runtime, Binary::power, Value::of(int64_t{10}), precision);
  const Value scaled = binary(runtime, Binary::multiply, a[0], unit);
  Value whole = scaled;
  if (scaled.is(Kind::real))
    whole = truncate_to_int(runtime, method == "ceil" ? std::ceil(scaled.real()) : std::floor(scaled.real()));
  return binary(runtime, Binary::divide, whole, unit);
}

Value filesizeformat(Runtime& runtime, Bound& a) {
  const auto bytes = as_float(a[0]);
  if (!bytes && a[0].is(Kind::string))
    value_error("could not convert string to float: " + repr_bytes(runtime, a[0]));
  if (!bytes)
    type_error("float() argument must be a string or a real number, not '" + std::string(type_name(a[0])) +
               "'");
  const bool binary_units = a.has(1) && truth(a[1]);
  const double base = binary_units ? 1024 : 1000;
  if (*bytes == 1) return runtime.string("1 Byte");
  if (*bytes < base) return runtime.string(number_repr(truncate_to_int(runtime, *bytes)) + " Bytes");
  constexpr const char* decimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
  constexpr const char* binary[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
  double unit = base * base;
  size_t i = 0;
  for (; i < 7 && *bytes >= unit; ++i) unit *= base;
  char buffer[400];
  std::snprintf(buffer, sizeof buffer, "%.1f %s", base * *bytes / unit,
                binary_units ? binary[i] : decimal[i]);
  return runtime.string(buffer);
}

constexpr Builtin kTable[] = {
    {"abs", "x /", abs_filter, "abs"},
    {"int", "value default? base?", int_filter, "do_int"},
    {"float", "value default?", float_filter, "do_float"},
    {"round", "value precision? method?", round_filter, "do_round"},
    {"filesizeformat", "value binary?", filesizeformat, "do_filesizeformat"},
};

}  // namespace

std::span<const Builtin> number_filters() {
  return kTable;
}

}  // namespace fabula::text::jinja
