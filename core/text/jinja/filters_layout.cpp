// indent, center, truncate, wordwrap.
#include <algorithm>

#include "core/base/utf8.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/textops.h"
#include "core/text/jinja/unicode.h"
#include "core/text/jinja/wrap.h"

namespace fabula::text::jinja {

namespace {

int64_t int_argument(const Bound& a, size_t i, int64_t otherwise) {
  if (!a.has(i)) return otherwise;
  return index_of(a[i], "'" + std::string(type_name(a[i])) + "' object cannot be interpreted as an integer");
}
bool flag(const Bound& a, size_t i) {
  return a.has(i) && truth(a[i]);
}

const Value& want_str(const Value& value) {
  if (value.is(Kind::undefined)) raise_undefined(value);
  if (!value.is(Kind::string))
    type_error("unsupported operand type(s) for +=: '" + std::string(type_name(value)) + "' and 'str'");
  return value;
}

Value indent(Runtime& runtime, Bound& a) {
  const Text& text = text_of(want_str(a[0]));
  Text indention;
  if (a.has(1) && a[1].is(Kind::string)) {
    indention = text_of(a[1]);
  } else {
    TextBuilder spaces(runtime);
    spaces.repeat(" ", int_argument(a, 1, 4));
    indention = spaces.take();
  }
  const bool first = flag(a, 2), blank = flag(a, 3);
  std::vector<Piece> lines = split_lines(text.view(), false);
  if (text.empty() || text.view().back() == '\n' || lines.empty() || lines.back().end < text.size())
    lines.push_back({text.size(), text.size()});  // Jinja adds a newline before it splits
  TextBuilder out(runtime);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i) out.append("\n");
    const bool empty = lines[i].begin == lines[i].end;
    if (i ? blank || !empty : first) out.append(indention);
    out.append(text, lines[i].begin, lines[i].end);
  }
  return out.value(a[0].as<StringObject>().markup);
}

Value center_filter(Runtime& runtime, Bound& a) {
  const Value s = soft_str(runtime, a[0]);
  return runtime.heap.string(center(runtime, text_of(s), int_argument(a, 1, 80), " "),
                             s.as<StringObject>().markup);
}

Value truncate(Runtime& runtime, Bound& a) {
  const Value end = a.has(3) ? to_str(runtime, a[3]) : runtime.string("...");
  const int64_t most = int_argument(a, 1, 255), end_chars = length_of(end);
  const int64_t leeway = a.has_value(4) ? int_argument(a, 4, 5) : 5;
  if (most < end_chars)
    fail("AssertionError",
         "expected length >= " + std::to_string(end_chars) + ", got " + std::to_string(most));
  if (leeway < 0) fail("AssertionError", "expected leeway >= 0, got " + std::to_string(leeway));
  if (length_of(a[0]) <= most + leeway) return a[0];
  if (!a[0].is(Kind::string)) type_error("'" + std::string(type_name(a[0])) + "' cannot be truncated");
  const Text& text = text_of(a[0]);
  size_t cut = skip_chars(text.view(), 0, static_cast<size_t>(most - end_chars));
  if (!flag(a, 2)) {
    const size_t space = text.view().substr(0, cut).rfind(' ');
    if (space != std::string_view::npos) cut = space;
  }
  TextBuilder out(runtime);
  out.append(text, 0, cut);
  out.append(text_of(end));
  return out.value();
}

Value wordwrap(Runtime& runtime, Bound& a) {
  const Text& text = text_of(want_str(a[0]));
  const Text newline = a.has_value(3) ? want_string(a[3], "wrapstring must be str, not ") : Text("\n");
  WrapStyle style;
  style.width = int_argument(a, 1, 79);
  style.break_long_words = !a.has(2) || truth(a[2]);
  style.break_on_hyphens = !a.has(4) || truth(a[4]);
  if (style.width <= 0) value_error("invalid width " + std::to_string(style.width) + " (must be > 0)");
  TextBuilder out(runtime);
  bool first_paragraph = true;
  for (const Piece& line : split_lines(text.view(), false)) {
    if (!std::exchange(first_paragraph, false)) out.append(newline);
    bool first = true;
    for (const Piece& piece : wrap(text.view().substr(line.begin, line.end - line.begin), style)) {
      runtime.step();
      if (!std::exchange(first, false)) out.append(newline);
      out.append(text, line.begin + piece.begin, line.begin + piece.end);
    }
  }
  return out.value();
}

constexpr Builtin kTable[] = {
    {"indent", "s width? first? blank?", indent, "do_indent"},
    {"center", "value width?", center_filter, "do_center"},
    {"truncate", "s length? killwords? end? leeway?", truncate, "do_truncate", 1},
    {"wordwrap", "s width? break_long_words? wrapstring? break_on_hyphens?", wordwrap, "do_wordwrap", 1},
};

}  // namespace

std::span<const Builtin> layout_filters() {
  return kTable;
}

}  // namespace fabula::text::jinja
