// Methods of str that look for, cut and change text.
#include <algorithm>

#include "core/base/utf8.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/format.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/textops.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

const Text& self(const Bound& a) {
  return text_of(a.self);
}

Value like_self(Runtime& runtime, const Bound& a, Text text) {
  return runtime.heap.string(std::move(text), a.self.as<StringObject>().markup);
}

int64_t int_argument(const Bound& a, size_t i, int64_t otherwise) {
  if (!a.has(i)) return otherwise;
  return index_of(a[i], "'" + std::string(type_name(a[i])) + "' object cannot be interpreted as an integer");
}

template <Case how>
Value change(Runtime& runtime, Bound& a) {
  return like_self(runtime, a, change_case(runtime, self(a), how));
}

template <bool left, bool right>
Value strip_method(Runtime& runtime, Bound& a) {
  return like_self(runtime, a, strip(runtime, self(a), a[0], left, right));
}

std::string_view separator_of(const Bound& a, size_t i) {
  const std::string_view separator = want_string(a[i], "must be str or None, not ").view();
  if (separator.empty()) value_error("empty separator");
  return separator;
}

template <bool right>
Value split_method(Runtime& runtime, Bound& a) {
  const int64_t most = int_argument(a, 1, -1);
  const std::string_view s = self(a).view();
  if (!a.has_value(0))
    return pieces_to_list(runtime, a.self, right ? rsplit_spaces(s, most) : split_spaces(s, most));
  const std::string_view separator = separator_of(a, 0);
  return pieces_to_list(runtime, a.self, right ? rsplit(s, separator, most) : split(s, separator, most));
}

Value splitlines(Runtime& runtime, Bound& a) {
  return pieces_to_list(runtime, a.self, split_lines(self(a).view(), a.has(0) && truth(a[0])));
}

template <bool right>
Value partition(Runtime& runtime, Bound& a) {
  const std::string_view separator = separator_of(a, 0);
  const Text& text = self(a);
  const size_t found = right ? text.view().rfind(separator) : text.view().find(separator);
  Heap& heap = runtime.heap;
  if (found == std::string_view::npos) {
    const Value empty = heap.string("");
    return heap.tuple(right ? std::vector<Value>{empty, empty, a.self}
                            : std::vector<Value>{a.self, empty, empty});
  }
  const size_t behind = found + separator.size();
  return heap.tuple({heap.string(text.slice(0, found)), heap.string(text.slice(found, behind)),
                     heap.string(text.slice(behind, text.size()))});
}

// The part of self that start and end arguments (in characters) name; none where start lies behind its end.
struct Part {
  std::string_view text;
  size_t first_char = 0;
  bool valid = true;
};

Part part_of(const Bound& a, size_t start_at) {
  const StringObject& string = a.self.as<StringObject>();
  const int64_t n = static_cast<int64_t>(string.chars());
  const auto bound = [&](size_t i, int64_t otherwise) {
    if (!a.has_value(i)) return otherwise;
    const int64_t at = index_of(a[i], "slice indices must be integers or None or have an __index__ method");
    return at < 0 ? std::max<int64_t>(at + n, 0) : at;
  };
  const int64_t start = bound(start_at, 0), end = std::min(bound(start_at + 1, n), n);
  if (start > end) return {{}, 0, false};
  const std::string_view view = string.text.view();
  const size_t first = static_cast<size_t>(start);
  const size_t begin = string.ascii() ? first : skip_chars(view, 0, first);
  const size_t count = static_cast<size_t>(end - start);
  return {view.substr(begin, (string.ascii() ? begin + count : skip_chars(view, begin, count)) - begin),
          first, true};
}

template <bool right>
int64_t find_at(Runtime& runtime, Bound& a) {
  const std::string_view wanted = want_string(a[0], "must be str, not ").view();
  const Part part = part_of(a, 1);
  runtime.step_bytes(part.text.size());
  const size_t found = !part.valid ? std::string_view::npos
                       : right     ? part.text.rfind(wanted)
                                   : part.text.find(wanted);
  if (found == std::string_view::npos) return -1;
  return static_cast<int64_t>(part.first_char + count_chars(part.text.substr(0, found)));
}

template <bool right>
Value find(Runtime& runtime, Bound& a) {
  return Value::of(find_at<right>(runtime, a));
}

template <bool right>
Value index(Runtime& runtime, Bound& a) {
  const int64_t at = find_at<right>(runtime, a);
  if (at < 0) value_error("substring not found");
  return Value::of(at);
}

Value count(Runtime& runtime, Bound& a) {
  const std::string_view wanted = want_string(a[0], "must be str, not ").view();
  const Part part = part_of(a, 1);
  runtime.step_bytes(part.text.size());
  if (!part.valid) return Value::of(int64_t{0});
  if (wanted.empty()) return Value::of(static_cast<int64_t>(count_chars(part.text)) + 1);
  int64_t n = 0;
  for (size_t at = 0; (at = part.text.find(wanted, at)) != std::string_view::npos; at += wanted.size()) ++n;
  return Value::of(n);
}

template <bool ends>
Value starts_or_ends(Runtime&, Bound& a) {
  const char* name = ends ? "endswith" : "startswith";
  const Part part = part_of(a, 1);
  const auto fits = [&](const Value& v) {
    const std::string_view wanted =
        want_string(
            v, (a[0].is(Kind::tuple) ? "tuple for " + std::string(name) + " must only contain str, not "
                                     : std::string(name) + " first arg must be str or a tuple of str, not "))
            .view();
    return part.valid && (ends ? part.text.ends_with(wanted) : part.text.starts_with(wanted));
  };
  if (!a[0].is(Kind::tuple)) return Value::of(fits(a[0]));
  const auto& options = a[0].as<Sequence>().items;
  return Value::of(std::any_of(options.begin(), options.end(), fits));
}

Value replace_method(Runtime& runtime, Bound& a) {
  const Text& old = want_string(a[0], "replace() argument 1 must be str, not ");
  const Text& by = want_string(a[1], "replace() argument 2 must be str, not ");
  return like_self(runtime, a, replace(runtime, self(a), old.view(), by, int_argument(a, 2, -1)));
}

Value remove_prefix(Runtime& runtime, Bound& a) {
  const std::string_view prefix = want_string(a[0], "removeprefix() argument must be str, not ").view();
  const size_t begin = self(a).view().starts_with(prefix) ? prefix.size() : 0;
  return like_self(runtime, a, self(a).slice(begin, self(a).size()));
}

Value remove_suffix(Runtime& runtime, Bound& a) {
  const std::string_view suffix = want_string(a[0], "removesuffix() argument must be str, not ").view();
  const size_t end = self(a).size() - (self(a).view().ends_with(suffix) ? suffix.size() : 0);
  return like_self(runtime, a, self(a).slice(0, end));
}

Value join_method(Runtime& runtime, Bound& a) {
  const Value joined = join(runtime, self(a), a[0], false);
  return like_self(runtime, a, text_of(joined));
}

Value format(Runtime& runtime, Bound& a) {
  return format_braces(runtime, a.self, a.rest);
}

Value format_map(Runtime& runtime, Bound& a) {
  Arguments arguments;
  if (!a[0].is(Kind::dict)) type_error("format_map() needs a mapping, not " + std::string(type_name(a[0])));
  for (const auto& [key, value] : a[0].as<Dict>().entries)
    if (key.is(Kind::string)) arguments.keyword.emplace_back(std::string(view_of(key)), value);
  return format_braces(runtime, a.self, arguments);
}

Value encode(Runtime& runtime, Bound& a) {
  const std::string name = a.has(0) ? str_bytes(runtime, a[0]) : "utf-8";
  std::string folded;
  for (const char c : name)
    if (c != '-' && c != '_') folded += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool ascii = folded == "ascii";
  if (folded != "utf8" && !ascii) fail("LookupError", "unknown encoding: " + name);
  if (ascii && !a.self.as<StringObject>().ascii())
    fail("UnicodeEncodeError", "'ascii' codec can't encode characters");
  Value value = runtime.heap.make<BytesObject>(Kind::bytes, std::string(self(a).view()));
  runtime.heap.grow(*value.object(), self(a).size());
  return value;
}

// str.maketrans(x[, y[, z]]): a dict from code points.
Value maketrans(Runtime& runtime, Bound& a) {
  Value table = runtime.heap.dict();
  Dict& dict = table.as<Dict>();
  const auto code = [](std::string_view s, size_t& at) {
    return Value::of(static_cast<int64_t>(decode_utf8(s, at)));
  };
  if (!a.has(1)) {
    if (!a[0].is(Kind::dict)) type_error("if you give only one argument to maketrans it must be a dict");
    for (const auto& [key, value] : a[0].as<Dict>().entries) {
      size_t at = 0;
      if (key.is(Kind::string) && length_of(key) != 1)
        value_error("string keys in translate table must be of length 1");
      dict.set(key.is(Kind::string) ? code(view_of(key), at) : key, value);
    }
    return table;
  }
  const std::string_view from =
      want_string(a[0], "first maketrans argument must be a string if there is a second argument, not ")
          .view();
  const std::string_view to = want_string(a[1], "maketrans() argument 2 must be str, not ").view();
  if (count_chars(from) != count_chars(to))
    value_error("the first two maketrans arguments must have equal length");
  for (size_t i = 0, j = 0; i < from.size();) {
    const Value key = code(from, i);
    dict.set(key, code(to, j));
  }
  if (a.has(2)) {
    const std::string_view gone = want_string(a[2], "maketrans() argument 3 must be str, not ").view();
    for (size_t i = 0; i < gone.size();) dict.set(code(gone, i), Value::none());
  }
  return table;
}

Value translate(Runtime& runtime, Bound& a) {
  const Text& text = self(a);
  const std::string_view s = text.view();
  TextBuilder out(runtime);
  for (size_t at = 0; at < s.size();) {
    runtime.step();
    const size_t from = at;
    const Value key = Value::of(static_cast<int64_t>(decode_utf8(s, at)));
    const Value found = get_item(runtime, a[0], key);
    if (found.is(Kind::undefined)) {
      out.append(text, from, at);
    } else if (found.is(Kind::string)) {
      out.append(view_of(found), text.origin_at(from));
    } else if (!found.is(Kind::none)) {
      std::string one;
      append_utf8(
          one, static_cast<char32_t>(index_of(found, "character mapping must return integer, None or str")));
      out.append(one, text.origin_at(from));
    }
  }
  return like_self(runtime, a, out.take());
}

constexpr Builtin kTable[] = {
    {"split", "sep? maxsplit?", split_method<false>},
    {"strip", "chars? /", strip_method<true, true>},
    {"lstrip", "chars? /", strip_method<true, false>},
    {"rstrip", "chars? /", strip_method<false, true>},
    {"startswith", "prefix start? end? /", starts_or_ends<false>},
    {"endswith", "suffix start? end? /", starts_or_ends<true>},
    {"replace", "old new count? /", replace_method},
    {"upper", "", change<Case::upper>},
    {"lower", "", change<Case::lower>},
    {"title", "", change<Case::title>},
    {"capitalize", "", change<Case::capitalize>},
    {"swapcase", "", change<Case::swap>},
    {"casefold", "", change<Case::fold>},
    {"join", "iterable /", join_method},
    {"format", "* **", format},
    {"format_map", "mapping /", format_map},
    {"find", "sub start? end? /", find<false>},
    {"rfind", "sub start? end? /", find<true>},
    {"index", "sub start? end? /", index<false>},
    {"rindex", "sub start? end? /", index<true>},
    {"count", "sub start? end? /", count},
    {"rsplit", "sep? maxsplit?", split_method<true>},
    {"splitlines", "keepends?", splitlines},
    {"partition", "sep /", partition<false>},
    {"rpartition", "sep /", partition<true>},
    {"removeprefix", "prefix /", remove_prefix},
    {"removesuffix", "suffix /", remove_suffix},
    {"encode", "encoding? errors?", encode},
    {"maketrans", "x y? z? /", maketrans},
    {"translate", "table /", translate},
};

}  // namespace

std::span<const Builtin> string_methods() {
  return kTable;
}

}  // namespace fabula::text::jinja
