// printf-style formatting: "%s: %05.2f" % (a, b), "%(name)s" % mapping.
#include <cmath>
#include <cstdio>

#include "core/base/utf8.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/format.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/textops.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

struct Directive {
  bool left = false, zero = false, alternate = false;
  char sign = '\0';
  int64_t width = 0, precision = -1;
  char type = '\0';
};

class Percent {
 public:
  Percent(Runtime& runtime, const Value& format, const Value& arguments)
      : runtime_(runtime),
        format_(text_of(format)),
        arguments_(arguments),
        out_(runtime),
        markup_(format.as<StringObject>().markup) {
    if (!arguments.is(Kind::tuple)) single_ = true;
  }

  Value run() {
    const std::string_view s = format_.view();
    for (size_t at = 0; at < s.size();) {
      const size_t percent = std::min(s.find('%', at), s.size());
      out_.append(format_, at, percent);
      if (percent == s.size()) break;
      at = directive(percent + 1);
    }
    const bool all_used =
        single_ ? used_ > 0 || arguments_.is(Kind::dict) || is_mapping_like() : used_ >= items().size();
    if (!all_used) type_error("not all arguments converted during string formatting");
    return out_.value(markup_);
  }

 private:
  const std::vector<Value>& items() const { return arguments_.as<Sequence>().items; }
  // Python takes everything with subscripts, except str and tuple, for a mapping, and does not ask that it be
  // used.
  bool is_mapping_like() const {
    return arguments_.is(Kind::list) || arguments_.is(Kind::bytes) || arguments_.is(Kind::range);
  }

  Value next_argument() {
    if (single_ ? used_ > 0 : used_ >= items().size()) type_error("not enough arguments for format string");
    return single_ ? (++used_, arguments_) : items()[used_++];
  }

  size_t directive(size_t at) {
    const std::string_view s = format_.view();
    const auto peek = [&] {
      if (at >= s.size()) value_error("incomplete format");
      return s[at];
    };
    Directive d;
    Value named;
    if (peek() == '(') {
      int open = 1;
      const size_t begin = ++at;
      for (; open > 0; ++at) {
        if (at >= s.size()) value_error("incomplete format key");
        open += s[at] == '(' ? 1 : s[at] == ')' ? -1 : 0;
      }
      if (!arguments_.is(Kind::dict)) type_error("format requires a mapping");
      const Value key = runtime_.string(s.substr(begin, at - 1 - begin));
      const Value* found = arguments_.as<Dict>().find_or_null(key);
      if (!found) fail("KeyError", repr_bytes(runtime_, key));
      named = *found;
    }
    for (bool flags = true; flags;) {
      switch (peek()) {
        case '-': d.left = true; break;
        case '+': d.sign = '+'; break;
        case ' ': d.sign = d.sign ? d.sign : ' '; break;
        case '#': d.alternate = true; break;
        case '0': d.zero = true; break;
        default: flags = false;
      }
      if (flags) ++at;
    }
    d.width = number(at);
    if (d.width < 0) d.left = true, d.width = -d.width;
    if (peek() == '.') d.precision = std::max<int64_t>(number(++at), 0);
    while (peek() == 'l' || peek() == 'L' || peek() == 'h') ++at;
    d.type = peek();
    if (d.type == '%')
      out_.append("%");
    else
      convert(d, named.is(Kind::missing) ? next_argument() : named, at);
    return at + 1;
  }

  int64_t number(size_t& at) {
    const std::string_view s = format_.view();
    if (at < s.size() && s[at] == '*') {
      ++at;
      const Value value = next_argument();
      if (!is_int_like(value)) type_error("* wants int");
      return value.integer();
    }
    int64_t value = 0;
    for (; at < s.size() && s[at] >= '0' && s[at] <= '9'; ++at) {
      value = value * 10 + (s[at] - '0');
      if (value > INT32_MAX) value_error("width too big");
    }
    return value;
  }

  void convert(const Directive& d, const Value& value, size_t at) {
    switch (d.type) {
      case 's':
      case 'r':
      case 'a': {
        TextBuilder text(runtime_);
        d.type == 's' ? append_str(text, value) : append_repr(text, value);
        Text whole = text.take();
        if (d.precision >= 0)
          whole = whole.slice(0, skip_chars(whole.view(), 0, static_cast<size_t>(d.precision)));
        return place(d, whole);
      }
      case 'c': return character(d, value);
      case 'd':
      case 'i':
      case 'u': return integer(d, value, 10);
      case 'x':
      case 'X': return integer(d, value, 16);
      case 'o': return integer(d, value, 8);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': return real(d, value);
      default: {
        size_t behind = at;
        const char32_t c = decode_utf8(format_.view(), behind);
        char code[16];
        std::snprintf(code, sizeof code, "0x%x", static_cast<unsigned>(c));
        value_error("unsupported format character '" + std::string(format_.view().substr(at, behind - at)) +
                    "' (" + code + ") at index " + std::to_string(count_chars(format_.view().substr(0, at))));
      }
    }
  }

  void place(const Directive& d, const Text& text) {
    const int64_t missing = std::max<int64_t>(d.width - static_cast<int64_t>(count_chars(text.view())), 0);
    if (!d.left) out_.repeat(" ", missing);
    out_.append(text);
    if (d.left) out_.repeat(" ", missing);
  }

  void place_number(const Directive& d, const std::string& sign, const std::string& prefix,
                    const std::string& digits) {
    const int64_t missing = d.width - static_cast<int64_t>(sign.size() + prefix.size() + digits.size());
    if (!d.left && !d.zero) out_.repeat(" ", missing);
    out_.append(sign + prefix);
    if (!d.left && d.zero) out_.repeat("0", missing);
    out_.append(digits);
    if (d.left) out_.repeat(" ", missing);
  }

  static std::string sign_of(const Directive& d, bool negative) {
    return negative ? "-" : d.sign ? std::string(1, d.sign) : std::string();
  }

  void character(const Directive& d, const Value& value) {
    if (value.is(Kind::string)) {
      if (length_of(value) != 1) type_error("%c requires int or char");
      return place(d, text_of(value));
    }
    if (!is_int_like(value)) type_error("%c requires int or char");
    if (value.integer() < 0 || value.integer() > 0x10FFFF)
      fail("OverflowError", "%c arg not in range(0x110000)");
    std::string c;
    append_utf8(c, static_cast<char32_t>(value.integer()));
    place(d, Text(c));
  }

  void integer(const Directive& d, const Value& given, int base) {
    const std::string kind = base == 10 ? "a real number is required" : "an integer is required";
    if (given.is(Kind::undefined)) raise_undefined(given);
    if (!is_number(given) || (given.is(Kind::real) && base != 10))
      type_error("%" + std::string(1, d.type) + " format: " + kind + ", not " +
                 std::string(type_name(given)));
    const Value value = given.is(Kind::real) ? truncate_to_int(runtime_, given.real()) : given;
    std::string digits = format_integer(value, base, d.type == 'X');
    const bool negative = digits[0] == '-';
    if (negative) digits.erase(0, 1);
    if (d.precision > static_cast<int64_t>(digits.size())) {
      if (d.precision > static_cast<int64_t>(runtime_.limits.max_output_bytes))
        fail("MemoryError", "a format's precision is too large");
      digits.insert(0, static_cast<size_t>(d.precision) - digits.size(), '0');
    }
    const std::string prefix = !d.alternate || base == 10 ? ""
                               : base == 8                ? "0o"
                               : d.type == 'X'            ? "0X"
                                                          : "0x";
    place_number(d, sign_of(d, negative), prefix, digits);
  }

  void real(const Directive& d, const Value& value) {
    if (value.is(Kind::undefined)) raise_undefined(value);
    if (!is_number(value)) type_error("must be real number, not " + std::string(type_name(value)));
    const double x = to_double(value);
    if (d.precision > 10'000) value_error("precision too big");
    FloatStyle style{d.type, d.precision < 0 ? 6 : static_cast<int>(d.precision), d.alternate};
    Directive finite = d;
    if (!std::isfinite(x)) finite.zero = false;
    place_number(finite, sign_of(d, std::signbit(x) && !std::isnan(x)), "",
                 format_float(std::fabs(x), style));
  }

  Runtime& runtime_;
  const Text& format_;
  const Value& arguments_;
  TextBuilder out_;
  bool markup_;
  bool single_ = false;
  size_t used_ = 0;
};

}  // namespace

Value format_percent(Runtime& runtime, const Value& format, const Value& arguments) {
  return Percent(runtime, format, arguments).run();
}

std::string format_float(double x, const FloatStyle& style) {
  const bool upper = style.type == 'E' || style.type == 'F' || style.type == 'G';
  if (!std::isfinite(x)) {
    const bool nan = std::isnan(x);
    return upper ? (nan ? "NAN" : "INF") : (nan ? "nan" : "inf");
  }
  char form[8] = {'%', '.', '*', style.type, '\0'};
  if (style.alternate) {
    form[1] = '#';
    form[2] = '.';
    form[3] = '*';
    form[4] = style.type;
  }
  std::string out(static_cast<size_t>(style.precision) + 400, '\0');
  out.resize(static_cast<size_t>(std::snprintf(out.data(), out.size(), form, style.precision, x)));
  return out;
}

}  // namespace fabula::text::jinja
