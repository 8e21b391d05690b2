#include "app/gui/panels/find_bar.h"

#include <algorithm>
#include <cmath>

namespace fabula::gui {

void FindBar::open(const std::string& words) {
  open_ = take_focus_ = true;
  if (!words.empty()) words_.set_text(words);
  words_.selection().select_all();
}

FindBar::Act FindBar::draw(Shell& shell, const ImRect& area, bool replaces, size_t current, size_t count) {
  Ui& ui = shell.ui;
  Act act = Act::none;
  const float width = std::floor(std::min(ui.px(560), area.GetWidth() - ui.px(24))), line = ui.px(32), gap = ui.px(6);
  const float x = std::floor(area.GetCenter().x - width / 2), y = area.Min.y + ui.px(8);
  const ImRect box(x, y, x + width, y + height(ui, replaces) - ui.px(8));
  ImGui::SetCursorScreenPos(box.Min);
  if (!ImGui::BeginChild("find", box.GetSize(), false, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse)) {
    ImGui::EndChild();
    return act;
  }
  ui.fill(box, ui.color().raised, radius::control);
  ui.stroke(box, ui.color().border, radius::control);
  const float top = box.Min.y + ui.px(4), button = ui.px(28), right = box.Max.x - ui.px(4);
  float at = right - button;
  const auto icon = [&](const char* id, Icon which, const char* key, bool enabled = true, bool active = false) {
    const ImRect place(at, top + ui.px(2), at + button, top + ui.px(2) + button);
    at -= button + ui.px(2);
    return ui.icon_button(id, which, ui.tr(key), place, enabled, active, 15);
  };
  if (icon("find.close", Icon::close, "find.close")) act = Act::closed;
  if (icon("find.next", Icon::arrow_down, "find.next", count > 0)) act = Act::next;
  if (icon("find.previous", Icon::arrow_up, "find.previous", count > 0)) act = Act::previous;
  const ImRect case_box(at - ui.px(14), top + ui.px(2), at + button, top + ui.px(2) + button);
  if (ui.button("find.case", "Aa", case_box, {.kind = ButtonKind::ghost, .active = match_case_, .tooltip = ui.tr("find.case"), .text_size = type::small})) {
    match_case_ = !match_case_;
    act = Act::changed;
  }
  at = case_box.Min.x - ui.px(4);
  const std::string words = words_.text();
  const std::string shown = words.empty() ? "" : count == 0 ? ui.tr("find.nothing") : ui.tr.format("find.count", {std::to_string(current + 1), std::to_string(count)});
  const TextLook look{.size = type::small, .color = count == 0 ? ui.color().warning : ui.color().text_soft};
  const float count_width = std::max(ui.measure(shown, look).x, ui.px(70));
  ui.text_in(ImRect(at - count_width, top, at, top + line), shown, look, 1);
  at -= count_width + gap;
  text::EditBox field{.size_px = ui.px(type::body), .placeholder = ui.tr("find.words"), .padding = ui.px(6), .submit_on_enter = true};
  field.take_focus = std::exchange(take_focus_, false);
  const auto found = ui.field("find.input", ui.tr("find.words"), words_, ImRect(box.Min.x + ui.px(4), top, at, top + line), field, Icon::search);
  if (found.changed) act = Act::changed;
  if (found.submitted) act = Act::next;
  if (found.submitted_back) act = Act::previous;
  bool escaped = found.escaped;
  if (replaces) {
    const float second = top + line + gap;
    const float all = ui.button_width(ui.tr("find.replace_all"), false, type::small), one = ui.button_width(ui.tr("find.replace"), false, type::small);
    const ImRect all_box(right - all, second, right, second + line), one_box(all_box.Min.x - gap - one, second, all_box.Min.x - gap, second + line);
    text::EditBox with{.size_px = ui.px(type::body), .placeholder = ui.tr("find.with"), .padding = ui.px(6), .submit_on_enter = true};
    const auto typed = ui.field("find.replacement", ui.tr("find.with"), with_, ImRect(box.Min.x + ui.px(4), second, one_box.Min.x - gap, second + line), with, Icon::pencil);
    escaped = escaped || typed.escaped;
    if (ui.button("find.replace", ui.tr("find.replace"), one_box, {.enabled = count > 0, .text_size = type::small}) || typed.submitted) act = Act::replace;
    if (ui.button("find.replace_all", ui.tr("find.replace_all"), all_box, {.enabled = count > 0, .text_size = type::small})) act = Act::replace_all;
  }
  ImGui::EndChild();
  if (escaped) act = Act::closed;
  if (act == Act::closed) close();
  return act;
}

}  // namespace fabula::gui
