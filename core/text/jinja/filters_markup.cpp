// HTML: escape, safe, striptags, urlencode, xmlattr.
#include <array>

#include "core/base/utf8.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/markup.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/textops.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

void append_escaped(TextBuilder& out, const Text& text) {
  const std::string_view s = text.view();
  std::string piece;
  text.for_each_run(0, s.size(), [&](size_t begin, size_t end, Origin origin) {
    piece.clear();
    for (const char c : s.substr(begin, end - begin)) {
      switch (c) {
        case '&': piece += "&amp;"; break;
        case '<': piece += "&lt;"; break;
        case '>': piece += "&gt;"; break;
        case '\'': piece += "&#39;"; break;
        case '"': piece += "&#34;"; break;
        default: piece += c;
      }
    }
    out.append(piece, origin);
  });
}

}  // namespace

Text escaped(Runtime& runtime, const Value& value) {
  if (value.is(Kind::string) && value.as<StringObject>().markup) return text_of(value);
  TextBuilder out(runtime);
  append_escaped(out, text_of(to_str(runtime, value)));
  return out.take();
}

namespace {

Value escape(Runtime& runtime, Bound& a) {
  return runtime.heap.string(escaped(runtime, a[0]), true);
}

Value force_escape(Runtime& runtime, Bound& a) {
  TextBuilder out(runtime);
  append_escaped(out, text_of(to_str(runtime, a[0])));
  return out.value(true);
}

Value safe(Runtime& runtime, Bound& a) {
  return runtime.heap.string(text_of(to_str(runtime, a[0])), true);
}

// &amp; and numeric references become characters again; the few names that `escape` writes are enough here.
Text unescape_entities(Runtime& runtime, const Text& text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> names = {{{"&amp;", "&"},
                                                                                   {"&lt;", "<"},
                                                                                   {"&gt;", ">"},
                                                                                   {"&#39;", "'"},
                                                                                   {"&#34;", "\""},
                                                                                   {"&quot;", "\""},
                                                                                   {"&nbsp;", "\xc2\xa0"}}};
  const std::string_view s = text.view();
  TextBuilder out(runtime);
  for (size_t at = 0; at < s.size();) {
    size_t length = 1;
    if (s[at] == '&') {
      for (const auto& [name, character] : names) {
        if (!s.substr(at).starts_with(name)) continue;
        out.append(character, text.origin_at(at));
        length = 0;
        at += name.size();
        break;
      }
    }
    if (length == 0) continue;
    const size_t next = std::min(s.find('&', at + 1), s.size());
    out.append(text, at, next);
    at = next;
  }
  return out.take();
}

Text remove_between(Runtime& runtime, const Text& text, std::string_view open, std::string_view close) {
  const std::string_view s = text.view();
  TextBuilder out(runtime);
  size_t at = 0;
  for (;;) {
    const size_t begin = s.find(open, at);
    const size_t end = begin == std::string_view::npos ? begin : s.find(close, begin);
    if (end == std::string_view::npos) break;
    out.append(text, at, begin);
    at = end + close.size();
  }
  out.append(text, at, s.size());
  return out.take();
}

Value striptags(Runtime& runtime, Bound& a) {
  Text text = remove_between(runtime, text_of(to_str(runtime, a[0])), "<!--", "-->");
  text = remove_between(runtime, text, "<", ">");
  TextBuilder out(runtime);
  bool first = true;
  for (const Piece& word : split_spaces(text.view(), -1)) {
    if (!std::exchange(first, false)) out.append(" ");
    out.append(text, word.begin, word.end);
  }
  return runtime.heap.string(unescape_entities(runtime, out.take()));
}

void append_quoted_url(TextBuilder& out, const Text& text, bool for_query) {
  const std::string_view s = text.view();
  constexpr char digits[] = "0123456789ABCDEF";
  std::string piece;
  text.for_each_run(0, s.size(), [&](size_t begin, size_t end, Origin origin) {
    piece.clear();
    for (const char c : s.substr(begin, end - begin)) {
      const auto byte = static_cast<unsigned char>(c);
      const bool plain = (byte < 0x80 && std::isalnum(byte)) || c == '_' || c == '.' || c == '-' ||
                         c == '~' || (c == '/' && !for_query);
      if (plain)
        piece += c;
      else if (c == ' ' && for_query)
        piece += '+';
      else
        ((piece += '%') += digits[byte >> 4]) += digits[byte & 15];
    }
    out.append(piece, origin);
  });
}

Value urlencode(Runtime& runtime, Bound& a) {
  TextBuilder out(runtime);
  if (a[0].is(Kind::string) || !is_iterable(a[0])) {
    append_quoted_url(out, text_of(to_str(runtime, a[0])), false);
    return out.value();
  }
  Value pairs = a[0];
  if (pairs.is(Kind::dict)) pairs = runtime.heap.make<DictView>(Kind::view, pairs, DictView::Of::items);
  const Value iterator = iterate(runtime, pairs);
  bool first = true;
  for (Value pair; next(runtime, iterator, pair);) {
    const std::vector<Value> both = collect(runtime, pair);
    if (both.size() != 2)
      value_error("not enough values to unpack (expected 2, got " + std::to_string(both.size()) + ")");
    if (!std::exchange(first, false)) out.append("&");
    append_quoted_url(out, text_of(to_str(runtime, both[0])), true);
    out.append("=");
    append_quoted_url(out, text_of(to_str(runtime, both[1])), true);
  }
  return out.value();
}

Value xmlattr(Runtime& runtime, Bound& a) {
  if (!a[0].is(Kind::dict))
    fail("AttributeError", "'" + std::string(type_name(a[0])) + "' object has no attribute 'items'");
  TextBuilder out(runtime);
  bool first = true;
  for (const auto& [key, value] : a[0].as<Dict>().entries) {
    if (value.is(Kind::none) || value.is(Kind::undefined)) continue;
    const std::string_view name = want_string(key, "expected string or bytes-like object, got ").view();
    if (name.find_first_of(" \t\n\r\f\v/>=") != std::string_view::npos)
      value_error("Invalid character in attribute name: " + repr_bytes(runtime, key));
    if (!std::exchange(first, false) || !a.has(1) || truth(a[1])) out.append(" ");
    out.append(escaped(runtime, key));
    out.append("=\"");
    out.append(escaped(runtime, value));
    out.append("\"");
  }
  return out.value(runtime.autoescape);
}

constexpr Builtin kTable[] = {
    {"escape", "s /", escape},
    {"e", "s /", escape, "escape"},
    {"forceescape", "value", force_escape, "do_forceescape"},
    {"safe", "value", safe, "do_mark_safe"},
    {"striptags", "value", striptags, "do_striptags"},
    {"urlencode", "value", urlencode, "do_urlencode"},
    {"xmlattr", "d autospace?", xmlattr, "do_xmlattr", 1},
};

}  // namespace

std::span<const Builtin> markup_filters() {
  return kTable;
}

}  // namespace fabula::text::jinja
