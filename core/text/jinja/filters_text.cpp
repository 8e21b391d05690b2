#include "core/base/utf8.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/format.h"
#include "core/text/jinja/json_dump.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/textops.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

template <Case how>
Value change(Runtime& runtime, Bound& a) {
  const Value s = soft_str(runtime, a[0]);
  return runtime.heap.string(change_case(runtime, text_of(s), how), s.as<StringObject>().markup);
}

// Words begin behind spaces and -({[< only: other than str.title.
Value title(Runtime& runtime, Bound& a) {
  const Value s = soft_str(runtime, a[0]);
  const Text& text = text_of(s);
  const std::string_view view = text.view();
  TextBuilder out(runtime);
  bool begins = true;
  std::string piece;
  text.for_each_run(0, view.size(), [&](size_t begin, size_t end, Origin origin) {
    piece.clear();
    for (size_t at = begin; at < end;) {
      const char32_t c = decode_utf8(view, at);
      const bool parts = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
      begins && !parts ? append_upper(piece, c) : append_lower(piece, c);
      begins = parts;
    }
    out.append(piece, origin);
  });
  return out.value();
}

Value trim(Runtime& runtime, Bound& a) {
  const Value s = soft_str(runtime, a[0]);
  return runtime.heap.string(strip(runtime, text_of(s), a[1], true, true), s.as<StringObject>().markup);
}

Value replace_filter(Runtime& runtime, Bound& a) {
  const int64_t count = a.has_value(3) ? index_of(a[3], "'" + std::string(type_name(a[3])) +
                                                            "' object cannot be interpreted as an integer")
                                       : -1;
  const Value s = to_str(runtime, a[0]), old = to_str(runtime, a[1]), by = to_str(runtime, a[2]);
  return runtime.heap.string(replace(runtime, text_of(s), view_of(old), text_of(by), count));
}

Value string(Runtime& runtime, Bound& a) {
  return soft_str(runtime, a[0]);
}

Value format(Runtime& runtime, Bound& a) {
  if (!a.rest.positional.empty() && !a.rest.keyword.empty())
    fail("FilterArgumentError", "can't handle positional and keyword arguments at the same time");
  const Value s = soft_str(runtime, a[0]);
  if (a.rest.keyword.empty())
    return format_percent(runtime, s, runtime.heap.tuple(std::move(a.rest.positional)));
  Value named = runtime.heap.dict();
  for (auto& [key, value] : a.rest.keyword) named.as<Dict>().set(runtime.string(key), std::move(value));
  return format_percent(runtime, s, named);
}

Value wordcount(Runtime& runtime, Bound& a) {
  const Value s = soft_str(runtime, a[0]);
  const std::string_view view = view_of(s);
  runtime.step_bytes(view.size());
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < view.size();) {
    const bool word = is_word(decode_utf8(view, at));
    words += word && !inside;
    inside = word;
  }
  return Value::of(words);
}

Value default_value(Runtime& runtime, Bound& a) {
  const bool use = a[0].is(Kind::undefined) || (a.has(2) && truth(a[2]) && !truth(a[0]));
  if (!use) return a[0];
  return a.has(1) ? a[1] : runtime.string("");
}

Value tojson(Runtime& runtime, Bound& a) {
  return json_dumps(runtime, a[0], json_style(runtime, a[1], a[2], a[3], a[4]));
}

constexpr Builtin kTable[] = {
    {"upper", "s", change<Case::upper>, "do_upper"},
    {"lower", "s", change<Case::lower>, "do_lower"},
    {"capitalize", "s", change<Case::capitalize>, "do_capitalize"},
    {"title", "s", title, "do_title"},
    {"trim", "value chars?", trim, "do_trim"},
    {"replace", "s old new count?", replace_filter, "do_replace", 1},
    {"string", "s", string, "soft_str"},
    {"format", "value / * **", format, "do_format"},
    {"wordcount", "s", wordcount, "do_wordcount"},
    {"default", "value default_value? boolean?", default_value, "do_default"},
    {"d", "value default_value? boolean?", default_value, "do_default"},
    {"tojson", "x ensure_ascii? indent? separators? sort_keys?", tojson},
};

}  // namespace

std::span<const Builtin> text_filters() {
  return kTable;
}

}  // namespace fabula::text::jinja
