// str() and repr() as Python writes them.
#include "core/base/utf8.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

void append_escape(std::string& out, char32_t c) {
  constexpr char digits[] = "0123456789abcdef";
  const int width = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  out += width == 2 ? "\\x" : width == 4 ? "\\u" : "\\U";
  for (int shift = (width - 1) * 4; shift >= 0; shift -= 4) out += digits[c >> shift & 15];
}

// The characters of a string between its quotes; f(piece, byte position in the source).
template <class F>
void quote_chars(std::string_view s, char quote, F&& f) {
  std::string piece;
  for (size_t at = 0; at < s.size();) {
    const size_t from = at;
    const char32_t c = decode_utf8(s, at);
    piece.clear();
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      piece += '\\';
      piece += static_cast<char>(c);
    } else if (c == '\n' || c == '\r' || c == '\t') {
      piece += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_printable(c))) {
      append_escape(piece, c);
    } else {
      piece.append(s.substr(from, at - from));
    }
    f(piece, from);
  }
}

char quote_for(std::string_view s) {
  return s.find('\'') != std::string_view::npos && s.find('"') == std::string_view::npos ? '"' : '\'';
}

void append_quoted(TextBuilder& out, const Text& text) {
  const char quote = quote_for(text.view());
  out.append(std::string_view(&quote, 1));
  quote_chars(text.view(), quote,
              [&](std::string_view piece, size_t at) { out.append(piece, text.origin_at(at)); });
  out.append(std::string_view(&quote, 1));
}

void append_bytes(TextBuilder& out, std::string_view bytes) {
  std::string s = "b";
  const char quote = quote_for(bytes);
  s += quote;
  for (const char b : bytes) {
    const auto c = static_cast<unsigned char>(b);
    if (b == quote || b == '\\')
      (s += '\\') += b;
    else if (c == '\n' || c == '\r' || c == '\t')
      s += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    else if (c < 0x20 || c >= 0x7f)
      append_escape(s, c);
    else
      s += b;
  }
  out.append(s + quote);
}

void append_items(TextBuilder& out, const std::vector<Value>& items, std::string_view open,
                  std::string_view close) {
  out.append(open);
  for (size_t i = 0; i < items.size(); ++i) {
    if (i) out.append(", ");
    append_repr(out, items[i]);
  }
  out.append(close);
}

void append_dict(TextBuilder& out, const Dict& dict) {
  out.append("{");
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    if (i) out.append(", ");
    append_repr(out, dict.entries[i].first);
    out.append(": ");
    append_repr(out, dict.entries[i].second);
  }
  out.append("}");
}

}  // namespace

void append_repr(TextBuilder& out, const Value& value) {
  const Runtime::Level level(out.runtime());
  out.runtime().step();
  switch (value.kind()) {
    case Kind::missing:
    case Kind::none: return out.append("None");
    case Kind::boolean:
    case Kind::integer:
    case Kind::real:
    case Kind::big_integer: return out.append(number_repr(value));
    case Kind::undefined: return out.append("Undefined");
    case Kind::string: {
      const bool markup = value.as<StringObject>().markup;
      if (markup) out.append("Markup(");
      append_quoted(out, text_of(value));
      if (markup) out.append(")");
      return;
    }
    case Kind::bytes: return append_bytes(out, value.as<BytesObject>().bytes);
    case Kind::list: return append_items(out, value.as<Sequence>().items, "[", "]");
    case Kind::tuple: {
      const auto& items = value.as<Sequence>().items;
      return append_items(out, items, "(", items.size() == 1 ? ",)" : ")");
    }
    case Kind::dict: return append_dict(out, value.as<Dict>());
    case Kind::view:
      out.append(type_name(value));
      return append_items(out, collect(out.runtime(), value), "([", "])");
    case Kind::range: {
      const Range& range = value.as<Range>();
      std::string s = "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
      return out.append(s + (range.step == 1 ? ")" : ", " + std::to_string(range.step) + ")"));
    }
    case Kind::iterator: return out.append("<" + std::string(type_name(value)) + " object>");
    case Kind::instance: return out.append(value.as<Instance>().repr(out.runtime()));
  }
}

void append_str(TextBuilder& out, const Value& value) {
  if (value.is(Kind::string)) return out.append(text_of(value));
  if (!value.is(Kind::undefined)) append_repr(out, value);
}

Value to_str(Runtime& runtime, const Value& value) {
  if (value.is(Kind::string)) return value;
  TextBuilder out(runtime);
  append_str(out, value);
  return out.value();
}

std::string str_bytes(Runtime& runtime, const Value& value) {
  TextBuilder out(runtime);
  append_str(out, value);
  return out.take().take_bytes();
}

std::string repr_bytes(Runtime& runtime, const Value& value) {
  TextBuilder out(runtime);
  append_repr(out, value);
  return out.take().take_bytes();
}

std::string repr_of_name(std::string_view name) {
  const char quote = quote_for(name);
  std::string out(1, quote);
  quote_chars(name, quote, [&](std::string_view piece, size_t) { out += piece; });
  return out + quote;
}

std::string plain_repr(const Value& value) {
  if (is_number(value)) return number_repr(value);
  if (value.is(Kind::string)) return repr_of_name(view_of(value));
  if (value.is(Kind::tuple)) {
    const auto& items = value.as<Sequence>().items;
    std::string out = "(";
    for (size_t i = 0; i < items.size() && i < 16; ++i)
      out += (i ? ", " : "") + (items[i].is(Kind::tuple) ? std::string("(...)") : plain_repr(items[i]));
    return out + (items.size() == 1 ? ",)" : ")");
  }
  return value.is(Kind::none) ? "None" : std::string(type_name(value));
}

}  // namespace fabula::text::jinja
