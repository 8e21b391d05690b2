// Methods of str that ask what it is made of, and those that fill it up.
#include "core/base/utf8.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/textops.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

// All characters, at least one unless `empty_counts`.
template <bool (*holds)(char32_t), bool empty_counts = false>
Value all_chars(Runtime& runtime, Bound& a) {
  const std::string_view s = view_of(a.self);
  runtime.step_bytes(s.size());
  for (size_t at = 0; at < s.size();)
    if (!holds(decode_utf8(s, at))) return Value::of(false);
  return Value::of(empty_counts || !s.empty());
}

bool is_ascii_char(char32_t c) {
  return c < 0x80;
}

template <bool upper>
Value is_cased_so(Runtime& runtime, Bound& a) {
  const std::string_view s = view_of(a.self);
  runtime.step_bytes(s.size());
  bool any = false;
  for (size_t at = 0; at < s.size();) {
    const char32_t c = decode_utf8(s, at);
    if (is_title(c) || (upper ? is_lower(c) : is_upper(c))) return Value::of(false);
    any |= upper ? is_upper(c) : is_lower(c);
  }
  return Value::of(any);
}

Value istitle(Runtime&, Bound& a) {
  const std::string_view s = view_of(a.self);
  bool any = false, inside = false;
  for (size_t at = 0; at < s.size();) {
    const char32_t c = decode_utf8(s, at);
    if (is_upper(c) || is_title(c)) {
      if (inside) return Value::of(false);
      inside = any = true;
    } else if (is_lower(c)) {
      if (!inside) return Value::of(false);
      any = true;
    } else {
      inside = false;
    }
  }
  return Value::of(any);
}

Value isidentifier(Runtime&, Bound& a) {
  return Value::of(is_identifier(view_of(a.self)));
}

constexpr Builtin kTests[] = {
    {"isalpha", "", all_chars<is_alpha>},
    {"isalnum", "", all_chars<is_alnum>},
    {"isdigit", "", all_chars<is_digit>},
    {"isdecimal", "", all_chars<is_decimal>},
    {"isnumeric", "", all_chars<is_numeric>},
    {"isspace", "", all_chars<is_space>},
    {"isascii", "", all_chars<is_ascii_char, true>},
    {"isprintable", "", all_chars<is_printable, true>},
    {"islower", "", is_cased_so<false>},
    {"isupper", "", is_cased_so<true>},
    {"istitle", "", istitle},
    {"isidentifier", "", isidentifier},
};

int64_t width_argument(const Bound& a) {
  return index_of(a[0], "'" + std::string(type_name(a[0])) + "' object cannot be interpreted as an integer");
}

std::string_view fill_argument(const Bound& a) {
  if (!a.has(1)) return " ";
  const std::string_view fill =
      want_string(a[1], "The fill character must be a unicode character, not ").view();
  if (count_chars(fill) != 1) type_error("The fill character must be exactly one character long");
  return fill;
}

Value like_self(Runtime& runtime, const Bound& a, Text text) {
  return runtime.heap.string(std::move(text), a.self.as<StringObject>().markup);
}

Value center_method(Runtime& runtime, Bound& a) {
  return like_self(runtime, a, center(runtime, text_of(a.self), width_argument(a), fill_argument(a)));
}

template <bool left>
Value justify(Runtime& runtime, Bound& a) {
  const int64_t missing = std::max<int64_t>(width_argument(a) - length_of(a.self), 0);
  return like_self(runtime, a,
                   pad(runtime, text_of(a.self), fill_argument(a), left ? 0 : missing, left ? missing : 0));
}

Value zfill(Runtime& runtime, Bound& a) {
  const Text& text = text_of(a.self);
  const int64_t missing = width_argument(a) - length_of(a.self);
  const bool sign = text.view().starts_with('+') || text.view().starts_with('-');
  TextBuilder out(runtime);
  out.append(text, 0, sign ? 1 : 0);
  out.repeat("0", missing);
  out.append(text, sign ? 1 : 0, text.size());
  return like_self(runtime, a, out.take());
}

Value expandtabs(Runtime& runtime, Bound& a) {
  const int64_t width = a.has(0) ? width_argument(a) : 8;
  const Text& text = text_of(a.self);
  const std::string_view s = text.view();
  TextBuilder out(runtime);
  int64_t column = 0;
  for (size_t at = 0; at < s.size();) {
    const size_t from = at;
    const char32_t c = decode_utf8(s, at);
    if (c == '\t') {
      const int64_t spaces = width > 0 ? width - column % width : 0;
      out.repeat(" ", spaces, text.origin_at(from));
      column += spaces;
      continue;
    }
    column = c == '\n' || c == '\r' ? 0 : column + 1;
    out.append(text, from, at);
  }
  return like_self(runtime, a, out.take());
}

constexpr Builtin kLayout[] = {
    {"center", "width fillchar? /", center_method}, {"ljust", "width fillchar? /", justify<true>},
    {"rjust", "width fillchar? /", justify<false>}, {"zfill", "width /", zfill},
    {"expandtabs", "tabsize?", expandtabs},
};

}  // namespace

std::span<const Builtin> string_test_methods() {
  return kTests;
}
std::span<const Builtin> string_layout_methods() {
  return kLayout;
}

}  // namespace fabula::text::jinja
