// What stands in the fields of stop strings and token biases, read and written.
#include <fmt/format.h>

#include <charconv>

#include "app/gui/panels/reply_section.h"

namespace fabula::gui {

std::vector<std::string> split_texts(std::string_view shown) {
  std::vector<std::string> out;
  std::string one;
  const auto flush = [&] {
    const size_t from = one.find_first_not_of(' '), to = one.find_last_not_of(' ');
    if (from != std::string::npos) out.push_back(one.substr(from, to - from + 1));
    one.clear();
  };
  for (size_t i = 0; i < shown.size(); ++i) {
    const char next = i + 1 < shown.size() ? shown[i + 1] : '\0';
    if (shown[i] == '|') {
      flush();
    } else if (shown[i] == '\\' && (next == 'n' || next == '|' || next == '\\')) {
      one += next == 'n' ? '\n' : next;
      ++i;
    } else {
      one += shown[i];
    }
  }
  flush();
  return out;
}

std::string joined_texts(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    if (!out.empty()) out += " | ";
    for (char c : text) {
      if (c == '\n') {
        out += "\\n";
      } else {
        if (c == '|' || c == '\\') out += '\\';
        out += c;
      }
    }
  }
  return out;
}

std::vector<std::pair<int32_t, float>> split_biases(std::string_view shown, bool& all) {
  std::vector<std::pair<int32_t, float>> out;
  all = true;
  while (!shown.empty()) {
    const size_t cut = std::min(shown.find_first_of(",;"), shown.size());
    std::string_view part = shown.substr(0, cut);
    shown.remove_prefix(std::min(cut + 1, shown.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (part.empty()) continue;
    const size_t middle = part.find_first_of("=:");
    int32_t token = -1;
    float bias = 0;
    bool read = middle != std::string_view::npos;
    if (read) {
      const char *begin = part.data(), *end = begin + part.size(), *between = begin + middle;
      const auto id = std::from_chars(begin, between, token);
      const auto value = std::from_chars(between + 1, end, bias);
      read = id.ec == std::errc() && id.ptr == between && value.ec == std::errc() && value.ptr == end && token >= 0;
    }
    if (read) out.emplace_back(token, bias);
    all = all && read;
  }
  return out;
}

std::string joined_biases(const std::vector<std::pair<int32_t, float>>& biases) {
  std::string out;
  for (const auto& [token, bias] : biases) out += fmt::format("{}{}={}", out.empty() ? "" : ", ", token, bias);
  return out;
}

}  // namespace fabula::gui
