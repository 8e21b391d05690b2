#include "app/server/call_stream.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace fabula::server {

namespace {

constexpr std::string_view blanks = " \t\r\n";

// Reads one word after the other; blanks between them count for nothing.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  // false: something else stands there, or the text ran out before that could be seen.
  bool take(std::string_view word) {
    const std::string_view rest = skip_blanks();
    ran_out_ = word.starts_with(rest);
    if (!rest.starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool take_string(std::string& out) {
    const std::string_view rest = skip_blanks();
    ran_out_ = rest.empty();
    if (!rest.starts_with('"')) return false;
    size_t end = 1;
    while (end < rest.size() && rest[end] != '"') end += rest[end] == '\\' ? 2 : 1;
    ran_out_ = end >= rest.size();
    if (ran_out_) return false;
    const auto value = parse_json(rest.substr(0, end + 1), "a name");
    if (!value.ok()) return false;
    out = value->get<std::string>();
    at_ += end + 1;
    return true;
  }

  size_t at() const { return at_; }
  bool ran_out() const { return ran_out_; }

 private:
  std::string_view skip_blanks() {
    at_ = std::min(text_.find_first_not_of(blanks, at_), text_.size());
    return text_.substr(at_);
  }

  std::string_view text_;
  size_t at_ = 0;
  bool ran_out_ = false;
};

bool is_function_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

// name[ARGS]{...}, or name{...}
CallHead read_bare_name(const ToolFormat& format, std::string_view text) {
  CallHead head;
  const size_t split = text.find(format.between), brace = text.find('{');
  const size_t end = std::min(split, brace);
  if (end == std::string_view::npos) {
    head.outcome = CallHead::Outcome::incomplete;
    return head;
  }
  const size_t begin = std::min(text.find_first_not_of(blanks), end);
  head.name = text.substr(begin, end - begin);
  head.name.erase(head.name.find_last_not_of(blanks) + 1);
  if (!is_function_name(head.name)) return head;
  Cursor cursor(text.substr(end));
  if (split < brace) cursor.take(format.between);
  const bool begun = cursor.take("{");
  head.outcome = begun ? CallHead::Outcome::begun : cursor.ran_out() ? CallHead::Outcome::incomplete : CallHead::Outcome::other;
  head.arguments = end + cursor.at() - 1;
  return head;
}

}  // namespace

CallHead read_call_head(const ToolFormat& format, std::string_view text, bool in_list) {
  if (format.between) return read_bare_name(format, text);
  CallHead head;
  Cursor cursor(text);
  head.opens_list = !in_list && cursor.take("[");
  std::string key;
  const bool begun = cursor.take("{") && cursor.take("\"name\"") && cursor.take(":") && cursor.take_string(head.name) && cursor.take(",") &&
                     cursor.take_string(key) && cursor.take(":") && cursor.take("{");
  if (!begun) {
    head.outcome = cursor.ran_out() ? CallHead::Outcome::incomplete : CallHead::Outcome::other;
  } else if (key == format.arguments || key == "arguments" || key == "parameters") {  // models mix the words up
    head.outcome = CallHead::Outcome::begun;
    head.arguments = cursor.at() - 1;
  }
  return head;
}

size_t ObjectEnd::take(std::string_view text) {
  for (size_t i = 0; i < text.size() && !ended_; ++i) {
    const char c = text[i];
    if (in_string_) {
      in_string_ = escaped_ || c != '"';
      escaped_ = !escaped_ && c == '\\';
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      ended_ = --depth_ <= 0;
      if (ended_) return i + 1;
    }
  }
  return ended_ ? 0 : text.size();
}

}  // namespace fabula::server
