#include "app/gui/panels/reasoning.h"

#include <algorithm>
#include <utility>

namespace fabula::gui {
namespace {

constexpr std::pair<std::string_view, std::string_view> tags[] = {{"<think>", "</think>"},
                                                                  {"<thinking>", "</thinking>"},
                                                                  {"<thought>", "</thought>"},
                                                                  {"<reasoning>", "</reasoning>"},
                                                                  {"<seed:think>", "</seed:think>"},
                                                                  {"[THINK]", "[/THINK]"}};

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

}  // namespace

Reasoning split_reasoning(std::string_view text) {
  const std::string_view body = text.substr(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  for (const auto& [begin, end] : tags) {
    const bool begins = body.starts_with(begin);
    const std::string_view inner = begins ? body.substr(begin.size()) : body;
    const size_t close = inner.find(end);
    if (close == std::string_view::npos) {
      if (begins) return {trimmed(inner), {}, true};
      continue;
    }
    // A closing tag alone, further down, in a text that speaks of tags: not a thought.
    if (!begins && inner.substr(0, close).find("```") != std::string_view::npos) continue;
    const std::string_view rest = inner.substr(close + end.size());
    return {trimmed(inner.substr(0, close)), rest.substr(std::min(rest.find_first_not_of(" \t\r\n"), rest.size())), false};
  }
  return {{}, text, false};
}

}  // namespace fabula::gui
