#include "app/gui/panels/marked_text.h"

#include <algorithm>

namespace fabula::gui {
namespace {

constexpr char open_mark = '\x02', close_mark = '\x03';

}  // namespace

std::string marked(std::string_view line, std::string_view query) {
  if (query.empty()) return std::string(line);
  const auto same = [](char a, char b) {
    const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return fold(a) == fold(b);
  };
  std::string out;
  for (auto at = line.begin();;) {
    const auto found = std::search(at, line.end(), query.begin(), query.end(), same);
    out.append(at, found);
    if (found == line.end()) return out;
    at = found + static_cast<std::ptrdiff_t>(query.size());
    out += open_mark;
    out.append(found, at);
    out += close_mark;
  }
}

std::string without_marks(std::string_view line) {
  std::string out;
  std::copy_if(line.begin(), line.end(), std::back_inserter(out), [](char c) { return c != open_mark && c != close_mark; });
  return out;
}

void draw_marked(Ui& ui, ImVec2 at, std::string_view line, const TextLook& look, float max_width) {
  if (line.find(open_mark) == std::string_view::npos) return void(ui.text(at, line, look, max_width));
  const float right = at.x + max_width;
  while (!line.empty() && at.x < right) {
    const bool mark = line.front() == open_mark;
    if (mark || line.front() == close_mark) line.remove_prefix(1);
    const size_t end = std::min(line.find_first_of("\x02\x03"), line.size());
    const std::string_view piece = line.substr(0, end);
    line.remove_prefix(end);
    if (piece.empty()) continue;
    TextLook own = look;
    if (mark) own.color = ui.color().text, own.weight = text::FontWeight::semibold;
    // White space at an end has no width of its own: it is measured in front of a stroke.
    const ImVec2 stroke = ui.measure("|", own), with_stroke = ui.measure(std::string(piece) + "|", own);
    const ImVec2 size(with_stroke.x - stroke.x, with_stroke.y);
    const float width = std::min(size.x, right - at.x);
    if (mark) ui.fill(ImRect(at.x - 1, at.y, at.x + width + 1, at.y + size.y), ui.color().selection, 2);
    ui.text(at, piece, own, right - at.x);
    at.x += size.x;
  }
}

}  // namespace fabula::gui
