#include "core/text/jinja/number.h"

#include <boost/multiprecision/cpp_int.hpp>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "core/base/utf8.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

using Big = boost::multiprecision::cpp_int;
constexpr size_t kMaxBits =
    size_t{1} << 16;  // of an int; Python itself refuses to print beyond 4,300 digits (~14,300 bits)
constexpr size_t kMaxDigits = 4300;

struct BigObject : Object {
  explicit BigObject(Big v) : value(std::move(v)) {}
  Big value;
};

size_t bits_of(const Big& value) {
  return value == 0 ? 0 : msb(value < 0 ? Big(-value) : value) + 1;
}

[[noreturn]] void too_large() {
  fail("OverflowError", "an int of the template has more than 65536 bits");
}

Value make_int(Runtime& runtime, const Big& value) {
  if (value >= INT64_MIN && value <= INT64_MAX) return Value::of(static_cast<int64_t>(value));
  const size_t bits = bits_of(value);
  if (bits > kMaxBits) too_large();
  Value result = runtime.heap.make<BigObject>(Kind::big_integer, value);
  runtime.heap.grow(*result.object(), bits / 8);
  return result;
}

Big to_big(const Value& a) {
  return a.is(Kind::big_integer) ? a.as<BigObject>().value : Big(a.integer());
}

[[noreturn]] void divided_by_zero(const char* words) {
  fail("ZeroDivisionError", words);
}

Big floor_divide(const Big& a, const Big& b, Big& remainder) {
  Big quotient;
  divide_qr(a, b, quotient, remainder);
  if (remainder != 0 && (remainder < 0) != (b < 0)) {
    quotient -= 1;
    remainder += b;
  }
  return quotient;
}

Value int_power(Runtime& runtime, const Value& base, const Value& exponent) {
  const Big b = to_big(base), e = to_big(exponent);
  if (e < 0) {
    if (b == 0) divided_by_zero("0.0 cannot be raised to a negative power");
    return Value::of(std::pow(to_double(base), to_double(exponent)));
  }
  if (b == 0 || b == 1) return make_int(runtime, e == 0 ? Big(1) : b);
  if (b == -1) return Value::of(int64_t{e % 2 == 0 ? 1 : -1});
  if (e > kMaxBits || (bits_of(b) - 1) * static_cast<size_t>(e) > kMaxBits)
    too_large();  // the least it can have
  runtime.step(static_cast<int64_t>(bits_of(b) * static_cast<size_t>(e) / 64));
  return make_int(runtime, pow(b, static_cast<unsigned>(e)));
}

Value int_binary(Runtime& runtime, Binary operation, const Value& a, const Value& b) {
  if (is_int_like(a) && is_int_like(b)) {  // the common case stays in a register
    int64_t result = 0;
    const int64_t x = a.integer(), y = b.integer();
    if (operation == Binary::add && !__builtin_add_overflow(x, y, &result)) return Value::of(result);
    if (operation == Binary::subtract && !__builtin_sub_overflow(x, y, &result)) return Value::of(result);
    if (operation == Binary::multiply && !__builtin_mul_overflow(x, y, &result)) return Value::of(result);
  }
  Big remainder;
  switch (operation) {
    case Binary::add: return make_int(runtime, to_big(a) + to_big(b));
    case Binary::subtract: return make_int(runtime, to_big(a) - to_big(b));
    case Binary::multiply: {
      const Big x = to_big(a), y = to_big(b);
      if (bits_of(x) + bits_of(y) > kMaxBits) too_large();
      runtime.step(static_cast<int64_t>(bits_of(x) / 64 * (bits_of(y) / 64) / 64));
      return make_int(runtime, x * y);
    }
    case Binary::divide:
      if (!number_truth(b)) divided_by_zero("division by zero");
      return Value::of(to_double(a) / to_double(b));
    case Binary::floor_divide:
      if (!number_truth(b)) divided_by_zero("integer division or modulo by zero");
      return make_int(runtime, floor_divide(to_big(a), to_big(b), remainder));
    case Binary::modulo:
      if (!number_truth(b)) divided_by_zero("integer modulo by zero");
      floor_divide(to_big(a), to_big(b), remainder);
      return make_int(runtime, remainder);
    case Binary::power: return int_power(runtime, a, b);
  }
  return {};
}

double float_modulo(double x, double y) {
  double result = std::fmod(x, y);
  if (result != 0) {
    if ((y < 0) != (result < 0)) result += y;
  } else {
    result = std::copysign(0.0, y);
  }
  return result;
}

double float_floor_divide(double x, double y) {  // CPython's float_divmod
  double mod = std::fmod(x, y), div = (x - mod) / y;
  if (mod != 0 && (y < 0) != (mod < 0)) div -= 1.0;
  if (div == 0) return std::copysign(0.0, x / y);
  const double floored = std::floor(div);
  return div - floored > 0.5 ? floored + 1.0 : floored;
}

double float_power(double x, double y) {
  if (x == 0 && y < 0) divided_by_zero("0.0 cannot be raised to a negative power");
  if (x < 0 && std::isfinite(x) && std::isfinite(y) && y != std::floor(y))
    value_error("a negative number to a fractional power is complex");
  const double result = std::pow(x, y);
  if (std::isinf(result) && std::isfinite(x) && std::isfinite(y))
    fail("OverflowError", "(34, 'Numerical result out of range')");
  return result;
}

Value float_binary(Binary operation, double x, double y) {
  switch (operation) {
    case Binary::add: return Value::of(x + y);
    case Binary::subtract: return Value::of(x - y);
    case Binary::multiply: return Value::of(x * y);
    case Binary::divide:
      if (y == 0) divided_by_zero("float division by zero");
      return Value::of(x / y);
    case Binary::floor_divide:
      if (y == 0) divided_by_zero("float floor division by zero");
      return Value::of(float_floor_divide(x, y));
    case Binary::modulo:
      if (y == 0) divided_by_zero("float modulo");
      return Value::of(float_modulo(x, y));
    case Binary::power: return Value::of(float_power(x, y));
  }
  return {};
}

}  // namespace

Value numeric_binary(Runtime& runtime, Binary operation, const Value& a, const Value& b) {
  if (a.is(Kind::real) || b.is(Kind::real)) return float_binary(operation, to_double(a), to_double(b));
  return int_binary(runtime, operation, a, b);
}

Value numeric_negative(Runtime& runtime, const Value& a) {
  if (a.is(Kind::real)) return Value::of(-a.real());
  if (is_int_like(a) && a.integer() != INT64_MIN) return Value::of(-a.integer());
  return make_int(runtime, -to_big(a));
}

Value absolute(Runtime& runtime, const Value& a) {
  if (a.is(Kind::real)) return Value::of(std::fabs(a.real()));
  const bool below_zero = a.is(Kind::big_integer) ? a.as<BigObject>().value < 0 : a.integer() < 0;
  if (below_zero) return numeric_negative(runtime, a);
  return a.is(Kind::boolean) ? Value::of(a.integer()) : a;
}

int compare_numbers(const Value& a, const Value& b) {
  const auto sign = [](const auto& x, const auto& y) { return x < y ? -1 : x > y ? 1 : 0; };
  if (is_int_like(a) && is_int_like(b)) return sign(a.integer(), b.integer());
  if (!a.is(Kind::real) && !b.is(Kind::real)) return sign(to_big(a), to_big(b));
  const auto as_double = [](const Value& v) { return v.is(Kind::real) ? v.real() : 0.0; };
  const double x = as_double(a), y = as_double(b);
  if (std::isnan(x) || std::isnan(y)) return 2;
  if (a.is(Kind::real) && b.is(Kind::real)) return sign(x, y);
  // An int against a float: exactly, as Python does it.
  if (std::isinf(x)) return x < 0 ? -1 : 1;
  if (std::isinf(y)) return y < 0 ? 1 : -1;
  const Big left = a.is(Kind::real) ? Big(std::floor(x)) : to_big(a);
  const Big right = b.is(Kind::real) ? Big(std::floor(y)) : to_big(b);
  if (left != right) return sign(left, right);
  if (a.is(Kind::real)) return x > std::floor(x) ? 1 : 0;
  return y > std::floor(y) ? -1 : 0;
}

size_t hash_number(const Value& a) {
  if (is_int_like(a)) return std::hash<int64_t>{}(a.integer());
  if (a.is(Kind::real)) {
    const double d = a.real();
    if (d == std::floor(d) && std::fabs(d) < 9.2e18) return std::hash<int64_t>{}(static_cast<int64_t>(d));
    return std::hash<double>{}(d);
  }
  return std::hash<double>{}(a.as<BigObject>().value.convert_to<double>());
}

bool number_truth(const Value& a) {
  if (a.is(Kind::real)) return a.real() != 0;
  return a.is(Kind::big_integer) || a.integer() != 0;
}

double to_double(const Value& a) {
  if (a.is(Kind::real)) return a.real();
  if (is_int_like(a)) return static_cast<double>(a.integer());
  const double result = a.as<BigObject>().value.convert_to<double>();
  if (std::isinf(result)) fail("OverflowError", "int too large to convert to float");
  return result;
}

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string digits(buffer, end);  // d.ddde[+-]xx, shortest
  const size_t e = digits.find('e');
  const int exponent = std::atoi(digits.c_str() + e + 1);
  if (exponent < -4 || exponent >= 16) return digits;
  const bool minus = digits[0] == '-';
  std::string mantissa;
  for (const char c : digits.substr(minus, e - minus))
    if (c != '.') mantissa += c;
  std::string out = minus ? "-" : "";
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + mantissa;
  const size_t whole = static_cast<size_t>(exponent) + 1;
  if (mantissa.size() <= whole) return out + mantissa + std::string(whole - mantissa.size(), '0') + ".0";
  return out + mantissa.substr(0, whole) + "." + mantissa.substr(whole);
}

std::string number_repr(const Value& a) {
  switch (a.kind()) {
    case Kind::boolean: return a.boolean() ? "True" : "False";
    case Kind::integer: return std::to_string(a.integer());
    case Kind::real: return float_repr(a.real());
    default: return format_integer(a, 10, false);
  }
}

std::string format_integer(const Value& a, int base, bool upper) {
  const Big value = to_big(a);
  const Big magnitude = value < 0 ? Big(-value) : value;
  std::string digits;
  if (base == 10) {
    digits = magnitude.str();
    if (digits.size() > kMaxDigits)
      value_error("Exceeds the limit (4300 digits) for integer string conversion");
  } else if (base == 2) {
    for (size_t i = magnitude == 0 ? 1 : bits_of(magnitude); i-- > 0;)
      digits += bit_test(magnitude, static_cast<unsigned>(i)) ? '1' : '0';
  } else {
    digits = magnitude.str(0, base == 16 ? std::ios_base::hex : std::ios_base::oct);
    for (char& c : digits) c = static_cast<char>(upper ? std::toupper(c) : std::tolower(c));
  }
  return value < 0 ? "-" + digits : digits;
}

Value truncate_to_int(Runtime& runtime, double value) {
  if (std::isnan(value)) value_error("cannot convert float NaN to integer");
  if (std::isinf(value)) fail("OverflowError", "cannot convert float infinity to integer");
  return make_int(runtime, Big(std::trunc(value)));
}

Value round_python(Runtime& runtime, const Value& value, int64_t digits) {
  if (!value.is(Kind::real)) {
    if (digits >= 0) return value.is(Kind::boolean) ? Value::of(value.integer()) : value;
    if (digits < -20000) return Value::of(int64_t{0});
    const Big unit = pow(Big(10), static_cast<unsigned>(-digits));
    Big remainder;
    Big quotient = floor_divide(to_big(value), unit, remainder);
    const Big twice = remainder * 2;
    if (twice > unit || (twice == unit && quotient % 2 != 0)) quotient += 1;
    return make_int(runtime, quotient * unit);
  }
  const double x = value.real();
  if (!std::isfinite(x) || digits > 323) return value;
  if (digits < -308) return Value::of(std::copysign(0.0, x));
  if (digits < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-digits));
    return Value::of(std::nearbyint(x / unit) * unit);
  }
  char buffer[700];  // 309 digits before the point, 323 behind it
  std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(digits), x);
  double result = 0;
  std::from_chars(buffer, buffer + std::string_view(buffer).size(), result);
  return Value::of(result);
}

Value int_from_digits(Runtime& runtime, std::string_view digits, int base) {
  int64_t small = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), small, base);
  if (error == std::errc{} && end == digits.data() + digits.size()) return Value::of(small);
  if (digits.size() > kMaxDigits)
    value_error("Exceeds the limit (4300 digits) for integer string conversion");
  Big value = 0;
  for (const char c : digits) value = value * base + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  return make_int(runtime, value);
}

namespace {

// Spaces stripped, decimal digits of any script as ASCII; none where another character above ASCII stands.
std::optional<std::string> ascii_number(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_utf8(text, at);
    const int digit = decimal_value(c);
    if (digit >= 0)
      out += static_cast<char>('0' + digit);
    else if (is_space(c))
      out += ' ';
    else if (c < 0x80)
      out += static_cast<char>(c);
    else
      return std::nullopt;
  }
  const size_t begin = out.find_first_not_of(' ');
  if (begin == std::string::npos) return std::nullopt;
  return out.substr(begin, out.find_last_not_of(' ') - begin + 1);
}

// Underscores only between digits; removed.
bool remove_underscores(std::string& s) {
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '_') {
      out += s[i];
    } else if (i == 0 || i + 1 == s.size() || !std::isalnum(static_cast<unsigned char>(s[i - 1])) ||
               !std::isalnum(static_cast<unsigned char>(s[i + 1]))) {
      return false;
    }
  }
  s = std::move(out);
  return true;
}

}  // namespace

std::optional<Value> parse_int(Runtime& runtime, std::string_view text, int base) {
  if (base != 0 && (base < 2 || base > 36)) value_error("int() base must be >= 2 and <= 36, or 0");
  std::optional<std::string> s = ascii_number(text);
  if (!s) return std::nullopt;
  bool minus = false;
  if (!s->empty() && (s->front() == '-' || s->front() == '+')) {
    minus = s->front() == '-';
    s->erase(0, 1);
  }
  if (s->size() > 1 && s->front() == '0') {
    const char mark = static_cast<char>(std::tolower(static_cast<unsigned char>((*s)[1])));
    const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked && (base == marked || base == 0)) {
      base = marked;
      s->erase(0, 2);
      if (!s->empty() && s->front() == '_') s->erase(0, 1);
    } else if (base == 0 && s->find_first_not_of("0_") != std::string::npos) {
      return std::nullopt;
    }
  }
  if (base == 0) base = 10;
  if (s->empty() || !remove_underscores(*s)) return std::nullopt;
  for (const char c : *s) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 10
                      : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                             : 99;
    if (digit >= base) return std::nullopt;
  }
  const Value value = int_from_digits(runtime, *s, base);
  return minus ? numeric_negative(runtime, value) : value;
}

std::optional<double> parse_float(std::string_view text) {
  std::optional<std::string> s = ascii_number(text);
  if (!s || !remove_underscores(*s)) return std::nullopt;
  bool minus = false;
  if (!s->empty() && (s->front() == '-' || s->front() == '+')) {
    minus = s->front() == '-';
    s->erase(0, 1);
  }
  if (s->empty() || s->front() == '-' || s->front() == '+' || s->find_first_of("xX(") != std::string::npos)
    return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(s->data(), s->data() + s->size(), value);
  if (end != s->data() + s->size() || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range) {  // too large or too small: from_chars leaves the value alone
    const size_t e = s->find_first_of("eE");
    value = e != std::string::npos && s->find('-', e) != std::string::npos ? 0.0 : HUGE_VAL;
  }
  return minus ? -value : value;
}

}  // namespace fabula::text::jinja
