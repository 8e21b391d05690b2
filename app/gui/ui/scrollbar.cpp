#include "app/gui/ui/scrollbar.h"

#include <algorithm>

namespace fabula::gui {

bool Scrollbar::draw(Ui& ui, const char* id, const ImRect& area, float total, float& top) {
  const float view = area.GetHeight();
  if (total <= view + 1) return false;
  const float length = std::max(view * view / total, ui.px(32)), room = view - length;
  const float at = std::clamp(top / (total - view), 0.0f, 1.0f) * room;
  const ImRect track(area.Max.x - ui.px(12), area.Min.y, area.Max.x, area.Max.y);
  const ImRect thumb(area.Max.x - ui.px(10), area.Min.y + at + ui.px(2), area.Max.x - ui.px(3), area.Min.y + at + length - ui.px(2));
  bool hovered = false, held = false;
  const ImGuiID item = ImGui::GetID(id);
  if (!ImGui::ItemAdd(track, item)) return false;
  ImGui::ButtonBehavior(track, item, &hovered, &held, ImGuiButtonFlags_NoNavFocus);
  const float mouse = ImGui::GetIO().MousePos.y - area.Min.y;
  if (!held) grab_ = -1;
  if (held && grab_ < 0) grab_ = mouse >= at && mouse <= at + length ? mouse - at : length / 2;
  if (held) top = std::clamp((mouse - grab_) / room, 0.0f, 1.0f) * (total - view);
  ui.fill(thumb, with_alpha(ui.color().outline, held ? 1.0f : hovered ? 0.75f : 0.4f), 4);
  return held;
}

}  // namespace fabula::gui
