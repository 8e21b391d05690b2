#include "core/text/jinja/json_dump.h"

#include <algorithm>
#include <cmath>

#include "core/base/utf8.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/textops.h"

namespace fabula::text::jinja {

namespace {

class Dumper {
 public:
  Dumper(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style), out_(runtime) {}

  void value(const Value& v) {
    const Runtime::Level level(runtime_);
    runtime_.step();
    switch (v.kind()) {
      case Kind::none: return out_.append("null");
      case Kind::boolean: return out_.append(v.boolean() ? "true" : "false");
      case Kind::integer:
      case Kind::big_integer: return out_.append(number_repr(v));
      case Kind::real: return out_.append(real(v.real()));
      case Kind::string: return string(text_of(v));
      case Kind::list:
      case Kind::tuple: return items(v.as<Sequence>().items);
      case Kind::dict: return dict(v.as<Dict>());
      default: type_error("Object of type " + std::string(type_name(v)) + " is not JSON serializable");
    }
  }

  Value take() { return out_.value(); }

 private:
  static std::string real(double d) {
    if (std::isnan(d)) return "NaN";
    if (std::isinf(d)) return d < 0 ? "-Infinity" : "Infinity";
    return float_repr(d);
  }

  void new_line() {
    if (!style_.indent) return;
    out_.append("\n");
    out_.repeat(*style_.indent, depth_);
  }

  void items(const std::vector<Value>& values) {
    if (values.empty()) return out_.append("[]");
    out_.append("[");
    ++depth_;
    for (size_t i = 0; i < values.size(); ++i) {
      if (i) out_.append(style_.item_separator);
      new_line();
      value(values[i]);
    }
    --depth_;
    new_line();
    out_.append("]");
  }

  void dict(const Dict& dict) {
    if (dict.entries.empty()) return out_.append("{}");
    std::vector<const Dict::Entry*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys)
      std::stable_sort(entries.begin(), entries.end(), [&](const auto* a, const auto* b) {
        return ordered(runtime_, a->first, Order::less, b->first);
      });
    out_.append("{");
    ++depth_;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i) out_.append(style_.item_separator);
      new_line();
      key(entries[i]->first);
      out_.append(style_.key_separator);
      value(entries[i]->second);
    }
    --depth_;
    new_line();
    out_.append("}");
  }

  void key(const Value& k) {
    switch (k.kind()) {
      case Kind::string: return string(text_of(k));
      case Kind::none: return out_.append("\"null\"");
      case Kind::boolean: return out_.append(k.boolean() ? "\"true\"" : "\"false\"");
      case Kind::integer:
      case Kind::big_integer: return out_.append("\"" + number_repr(k) + "\"");
      case Kind::real: return out_.append("\"" + real(k.real()) + "\"");
      default: type_error("keys must be str, int, float, bool or None, not " + std::string(type_name(k)));
    }
  }

  void string(const Text& text) {
    out_.append("\"");
    append_mapped(out_, text, [&](std::string& piece, char32_t c, size_t begin, size_t end) {
      append_char(piece, c, text.view().substr(begin, end - begin));
    });
    out_.append("\"");
  }

  void append_char(std::string& out, char32_t c, std::string_view as_written) const {
    switch (c) {
      case '"': out += "\\\""; return;
      case '\\': out += "\\\\"; return;
      case '\n': out += "\\n"; return;
      case '\r': out += "\\r"; return;
      case '\t': out += "\\t"; return;
      case '\f': out += "\\f"; return;
      case '\b': out += "\\b"; return;
      default: break;
    }
    if (c < 0x20 || (c > 0x7e && style_.ensure_ascii)) return append_unicode(out, c);
    out.append(as_written);
  }

  static void append_unicode(std::string& out, char32_t c) {
    if (c >= 0x10000) {
      append_unicode(out, 0xD800 + ((c - 0x10000) >> 10));
      return append_unicode(out, 0xDC00 + ((c - 0x10000) & 0x3FF));
    }
    constexpr char digits[] = "0123456789abcdef";
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += digits[c >> shift & 15];
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  TextBuilder out_;
  int64_t depth_ = 0;
};

}  // namespace

JsonStyle json_style(Runtime& runtime, const Value& ensure_ascii, const Value& indent,
                     const Value& separators, const Value& sort_keys) {
  JsonStyle style;
  if (!ensure_ascii.is(Kind::missing)) style.ensure_ascii = truth(ensure_ascii);
  if (!sort_keys.is(Kind::missing)) style.sort_keys = truth(sort_keys);
  const auto given = [](const Value& v) { return !v.is(Kind::missing) && !v.is(Kind::none); };
  if (given(indent)) {
    if (indent.is(Kind::string)) {
      style.indent = std::string(view_of(indent));
    } else {
      const int64_t width = index_of(
          indent, "can't multiply sequence by non-int of type '" + std::string(type_name(indent)) + "'");
      if (width > static_cast<int64_t>(runtime.limits.max_output_bytes))
        fail("MemoryError", "the indent of tojson is too wide");
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
    style.item_separator = ",";
  }
  if (given(separators)) {
    const std::vector<Value> both = collect(runtime, separators);
    if (both.size() != 2)
      value_error("not enough values to unpack (expected 2, got " + std::to_string(both.size()) + ")");
    style.item_separator = str_bytes(runtime, both[0]);
    style.key_separator = str_bytes(runtime, both[1]);
  }
  return style;
}

Value json_dumps(Runtime& runtime, const Value& value, const JsonStyle& style) {
  Dumper dumper(runtime, style);
  dumper.value(value);
  return dumper.take();
}

}  // namespace fabula::text::jinja
