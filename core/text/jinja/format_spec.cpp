// format(value, spec): [[fill]align][sign][#][0][width][grouping][.precision][type]
#include <charconv>
#include <cmath>

#include "core/text/jinja/failure.h"
#include "core/text/jinja/format.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

struct Spec {
  std::string fill = " ";
  char align = '\0', sign = '-', grouping = '\0', type = '\0';
  bool alternate = false, zero = false;
  int64_t width = 0, precision = -1;
};

bool is_align(char c) {
  return c == '<' || c == '>' || c == '=' || c == '^';
}

int64_t read_number(std::string_view s, size_t& at, int64_t absent) {
  int64_t value = absent;
  for (; at < s.size() && s[at] >= '0' && s[at] <= '9'; ++at) {
    value = std::max<int64_t>(value, 0) * 10 + (s[at] - '0');
    if (value > INT32_MAX) value_error("Too many decimal digits in format string");
  }
  return value;
}

Spec read_spec(std::string_view s, std::string_view type_name) {
  Spec spec;
  size_t at = 0;
  const size_t fill_end = s.empty() ? 0 : skip_chars(s, 0, 1);
  const bool fill_given = fill_end < s.size() && is_align(s[fill_end]);
  if (fill_given) {
    spec.fill = s.substr(0, fill_end);
    spec.align = s[fill_end];
    at = fill_end + 1;
  } else if (!s.empty() && is_align(s[0])) {
    spec.align = s[0];
    at = 1;
  }
  if (at < s.size() && (s[at] == '+' || s[at] == '-' || s[at] == ' ')) spec.sign = s[at++];
  if (at < s.size() && s[at] == '#') spec.alternate = true, ++at;
  if (at < s.size() && s[at] == '0' && !fill_given) {
    ++at;
    spec.fill = "0";
    if (spec.align == '\0') spec.zero = true, spec.align = '=';
  }
  spec.width = read_number(s, at, 0);
  if (at < s.size() && (s[at] == ',' || s[at] == '_')) spec.grouping = s[at++];
  if (at < s.size() && s[at] == '.') {
    spec.precision = read_number(s, ++at, -1);
    if (spec.precision < 0) value_error("Format specifier missing precision");
  }
  if (at < s.size()) spec.type = s[at++];
  if (at < s.size())
    value_error("Invalid format specifier '" + std::string(s) + "' for object of type '" +
                std::string(type_name) + "'");
  return spec;
}

[[noreturn]] void unknown_code(const Spec& spec, const Value& value) {
  value_error("Unknown format code '" + std::string(1, spec.type) + "' for object of type '" +
              std::string(type_name(value)) + "'");
}

Value place(Runtime& runtime, const Spec& spec, char align, const std::string& sign, const Text& body) {
  const int64_t missing =
      std::max<int64_t>(spec.width - static_cast<int64_t>(sign.size() + count_chars(body.view())), 0);
  const int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
  TextBuilder out(runtime);
  out.repeat(spec.fill, left);
  out.append(sign);
  if (align == '=') out.repeat(spec.fill, missing);
  out.append(body);
  if (align == '<' || align == '^') out.repeat(spec.fill, missing - left);
  return out.value();
}

Value format_text(Runtime& runtime, const Value& value, const Spec& spec) {
  if (spec.type != '\0' && spec.type != 's') unknown_code(spec, value);
  if (spec.sign != '-') value_error("Sign not allowed in string format specifier");
  if (spec.align == '=' && !spec.zero) value_error("'=' alignment not allowed in string format specifier");
  if (spec.grouping) value_error(std::string("Cannot specify '") + spec.grouping + "' with 's'.");
  Text text = text_of(value);
  if (spec.precision >= 0)
    text = text.slice(0, skip_chars(text.view(), 0, static_cast<size_t>(spec.precision)));
  return place(runtime, spec, spec.align && spec.align != '=' ? spec.align : '<', "", text);
}

// Separators between groups of digits; leading zeros up to the width where zeros fill.
std::string group(std::string digits, char separator, size_t every) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i && (digits.size() - i) % every == 0) out += separator;
    out += digits[i];
  }
  return out;
}

std::string sign_of(const Spec& spec, bool negative) {
  return negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
}

Value place_number(Runtime& runtime, const Spec& spec, const std::string& sign, std::string whole,
                   const std::string& rest, size_t every) {
  if (spec.grouping) {
    if (spec.fill == "0" && spec.align == '=') {  // the zeros are grouped too
      const auto length = [&] {
        return static_cast<int64_t>(sign.size() + group(whole, ',', every).size() + rest.size());
      };
      if (spec.width > static_cast<int64_t>(runtime.limits.max_output_bytes))
        fail("MemoryError", "a format's width is too large");
      if (const int64_t lacking = spec.width - length(); lacking > 0 && lacking < 10'000)
        while (length() < spec.width) whole.insert(0, 1, '0');
    }
    whole = group(whole, spec.grouping, every);
  }
  return place(runtime, spec, spec.align ? spec.align : '>', sign, Text(whole + rest));
}

Value format_int(Runtime& runtime, const Value& value, const Spec& spec) {
  if (spec.precision >= 0) value_error("Precision not allowed in integer format specifier");
  if (spec.type == 'c') {
    return place(runtime, spec, spec.align ? spec.align : '<', "",
                 text_of(format_percent(runtime, runtime.string("%c"), runtime.heap.tuple({value}))));
  }
  const int base = spec.type == 'b'                       ? 2
                   : spec.type == 'o'                     ? 8
                   : spec.type == 'x' || spec.type == 'X' ? 16
                                                          : 10;
  std::string digits = format_integer(value, base, spec.type == 'X');
  const bool negative = digits[0] == '-';
  if (negative) digits.erase(0, 1);
  const std::string prefix = spec.alternate && base != 10 ? std::string("0") + spec.type : "";
  return place_number(runtime, spec, sign_of(spec, negative) + prefix, digits, "", base == 10 ? 3 : 4);
}

std::string real_digits(double x, const Spec& spec, const Value& value) {
  FloatStyle style;
  style.alternate = spec.alternate;
  if (spec.precision > 10'000) value_error("precision too big");
  style.precision = spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
  switch (spec.type) {
    case '\0': {
      if (spec.precision < 0) return std::isfinite(x) ? float_repr(x) : format_float(x, style);
      style.precision = std::max(style.precision, 1);
      std::string digits = format_float(x, style);
      // Like g, but with at least one digit behind the point and a later turn to exponents.
      if (std::isfinite(x) && digits.find_first_of(".e") == std::string::npos) {
        if (static_cast<int64_t>(digits.size()) >= spec.precision && digits.size() > 1) {
          style.type = 'e';
          style.precision = std::max(style.precision - 1, 0);
          return format_float(x, style);
        }
        digits += ".0";
      }
      return digits;
    }
    case '%': style.type = 'f'; return format_float(x * 100, style) + "%";
    case 'n': style.type = 'g'; return format_float(x, style);
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G': style.type = spec.type; return format_float(x, style);
    default: unknown_code(spec, value);
  }
}

Value format_real(Runtime& runtime, const Value& value, const Spec& spec) {
  const double x = to_double(value);
  const std::string digits = real_digits(std::fabs(x), spec, value);
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  const std::string sign = sign_of(spec, std::signbit(x) && !std::isnan(x));
  return place_number(runtime, spec, sign, digits.substr(0, whole), digits.substr(whole), 3);
}

}  // namespace

Value format_value(Runtime& runtime, const Value& value, std::string_view text) {
  if (value.is(Kind::undefined) && text.empty()) return runtime.string("");
  if (text.empty()) return to_str(runtime, value);
  if (value.is(Kind::string)) return format_text(runtime, value, read_spec(text, type_name(value)));
  if (!is_number(value))
    type_error("unsupported format string passed to " + std::string(type_name(value)) + ".__format__");
  const Spec spec = read_spec(text, type_name(value));
  if (value.is(Kind::real)) return format_real(runtime, value, spec);
  if (std::string_view("bcdoxXn").find(spec.type) != std::string_view::npos || spec.type == '\0')
    return format_int(runtime, value, spec);
  if (std::string_view("eEfFgG%").find(spec.type) == std::string_view::npos) unknown_code(spec, value);
  return format_real(runtime, value, spec);
}

}  // namespace fabula::text::jinja
