// str.format: "{} {name[0].x!r:>10}".format(...). Attributes go through the sandbox.
#include "core/text/jinja/failure.h"
#include "core/text/jinja/format.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

namespace {

class Braces {
 public:
  Braces(Runtime& runtime, const Arguments& arguments) : runtime_(runtime), arguments_(arguments) {}

  Text expand(const Text& format, int depth) {
    if (depth < 0) value_error("Max string recursion exceeded");
    const std::string_view s = format.view();
    TextBuilder out(runtime_);
    for (size_t at = 0; at < s.size();) {
      const size_t brace = std::min(s.find_first_of("{}", at), s.size());
      out.append(format, at, brace);
      if (brace == s.size()) break;
      if (brace + 1 < s.size() && s[brace + 1] == s[brace]) {
        out.append(format, brace, brace + 1);
        at = brace + 2;
        continue;
      }
      if (s[brace] == '}') value_error("Single '}' encountered in format string");
      at = field(out, format, brace + 1, depth);
    }
    return out.take();
  }

 private:
  size_t field(TextBuilder& out, const Text& format, size_t begin, int depth) {
    const std::string_view s = format.view();
    if (begin >= s.size()) value_error("Single '{' encountered in format string");
    int open = 1;
    size_t end = begin;
    for (; end < s.size(); ++end) {
      if (s[end] == '{') ++open;
      if (s[end] == '}' && --open == 0) break;
    }
    if (end >= s.size()) value_error("expected '}' before end of string");
    size_t name_end = begin;
    for (bool inside = false; name_end < end; ++name_end) {
      if (s[name_end] == '[') inside = true;
      if (s[name_end] == ']') inside = false;
      if (!inside && (s[name_end] == '!' || s[name_end] == ':')) break;
    }
    const Value value = lookup(s.substr(begin, name_end - begin));
    size_t at = name_end;
    char conversion = '\0';
    if (at < end && s[at] == '!') {
      if (at + 1 >= end) value_error("end of string while looking for conversion specifier");
      conversion = s[at + 1];
      at += 2;
      if (at < end && s[at] != ':') value_error("expected ':' after conversion specifier");
    }
    std::string spec;
    if (at < end) spec = expand(format.slice(at + 1, end), depth - 1).view();
    out.append(text_of(format_value(runtime_, convert(value, conversion), spec)));
    return end + 1;
  }

  Value convert(const Value& value, char conversion) {
    if (conversion == '\0') return value;
    if (conversion == 's') return to_str(runtime_, value);
    if (conversion != 'r' && conversion != 'a')
      value_error(std::string("Unknown conversion specifier ") + conversion);
    TextBuilder out(runtime_);
    append_repr(out, value);
    return out.value();
  }

  Value lookup(std::string_view name) {
    const size_t first_end = std::min(name.find_first_of(".["), name.size());
    Value value = first(name.substr(0, first_end));
    for (size_t at = first_end; at < name.size();) {
      if (name[at] == '.') {
        const size_t end = std::min(name.find_first_of(".[", at + 1), name.size());
        if (end == at + 1) value_error("Empty attribute in format string");
        value = get_attribute(runtime_, value, name.substr(at + 1, end - at - 1));
        at = end;
      } else {
        const size_t end = name.find(']', at);
        if (end == std::string_view::npos) value_error("Missing ']' in format string");
        if (end == at + 1) value_error("Empty attribute in format string");
        const std::string_view key = name.substr(at + 1, end - at - 1);
        const bool number = key.find_first_not_of("0123456789") == std::string_view::npos;
        value = get_item(runtime_, value, number ? int_from_digits(runtime_, key, 10) : runtime_.string(key));
        at = end + 1;
        if (at < name.size() && name[at] != '.' && name[at] != '[')
          value_error("Only '.' or '[' may follow ']' in format field specifier");
      }
    }
    return value;
  }

  Value first(std::string_view name) {
    size_t index = 0;
    if (name.empty()) {
      if (manual_) value_error("cannot switch from manual field specification to automatic field numbering");
      automatic_ = true;
      index = next_++;
    } else if (name.find_first_not_of("0123456789") == std::string_view::npos) {
      if (automatic_)
        value_error("cannot switch from automatic field numbering to manual field specification");
      manual_ = true;
      if (name.size() > 9) value_error("Too many decimal digits in format string");
      for (const char c : name) index = index * 10 + static_cast<size_t>(c - '0');
    } else {
      for (const auto& [key, value] : arguments_.keyword)
        if (key == name) return value;
      fail("KeyError", repr_of_name(name));
    }
    if (index >= arguments_.positional.size()) fail("IndexError", "tuple index out of range");
    return arguments_.positional[index];
  }

  Runtime& runtime_;
  const Arguments& arguments_;
  bool manual_ = false, automatic_ = false;
  size_t next_ = 0;
};

}  // namespace

Value format_braces(Runtime& runtime, const Value& format, const Arguments& arguments) {
  return runtime.heap.string(Braces(runtime, arguments).expand(text_of(format), 2),
                             format.as<StringObject>().markup);
}

}  // namespace fabula::text::jinja
