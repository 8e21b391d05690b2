#include "app/gui/text/widgets.h"

#include <imgui_internal.h>

#include <algorithm>
#include <cmath>

namespace fabula::text {

namespace {

Colour or_theme(Colour colour, ImGuiCol theme) {
  return colour != 0 ? colour : ImGui::GetColorU32(theme);
}

constexpr float dimmed = 0.45f;  // of what is not enabled

Colour dim(Colour colour) {
  const auto alpha = static_cast<Colour>(static_cast<float>(colour >> 24) * dimmed);
  return (colour & 0x00FFFFFF) | alpha << 24;
}

struct Pressed {
  bool clicked = false, hovered = false, held = false, visible = false;
  Rect rect;
};

// An ImGui item of that size at the cursor that can be pressed by mouse and keyboard.
Pressed press_item(const char* id, ImVec2 size, bool enabled) {
  Pressed out;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  out.rect = {at.x, at.y, size.x, size.y};
  if (!enabled) ImGui::BeginDisabled();
  out.clicked = ImGui::InvisibleButton(id, {std::max(1.0f, size.x), std::max(1.0f, size.y)});
  out.hovered = ImGui::IsItemHovered();
  out.held = ImGui::IsItemActive();
  out.visible = ImGui::IsItemVisible();
  ImGui::RenderNavHighlight({{at.x, at.y}, {at.x + size.x, at.y + size.y}}, ImGui::GetItemID());
  if (!enabled) ImGui::EndDisabled();
  return out;
}

void draw_pressed(TextEngine& engine, const Pressed& item, std::string_view label, const ButtonLook& look,
                  Colour fill) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const Rect& r = item.rect;
  if (fill >> 24 != 0)
    list.AddRectFilled({r.x, r.y}, {r.x + r.width, r.y + r.height}, look.enabled ? fill : dim(fill),
                       look.rounding);
  const Colour text = or_theme(look.text, ImGuiCol_Text);
  const Rect inner{r.x + look.padding.x, r.y, std::max(0.0f, r.width - 2 * look.padding.x), r.height};
  engine.draw_in(list, inner, label, look.label, look.enabled ? text : dim(text), look.align);
}

ImVec2 fitted(TextEngine& engine, std::string_view label, const ButtonLook& look, ImVec2 size) {
  const LabelSize text = engine.measure(label, look.label);
  if (size.x == 0) size.x = std::ceil(text.width) + 2 * look.padding.x;
  if (size.x < 0) size.x = std::max(1.0f, ImGui::GetContentRegionAvail().x + size.x);
  if (size.y == 0) size.y = text.height + 2 * look.padding.y;
  return size;
}

}  // namespace

std::string ImGuiClipboard::get() {
  const char* text = ImGui::GetClipboardText();
  return text ? text : "";
}

void ImGuiClipboard::set(std::string_view text) {
  ImGui::SetClipboardText(std::string(text).c_str());
}

void text_label(TextEngine& engine, std::string_view text, const LabelStyle& style, Colour colour,
                float max_width_px) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const LabelSize size = engine.measure(text, style);
  const float width = max_width_px > 0 ? std::min(size.width, max_width_px) : size.width;
  ImGui::Dummy({width, size.height});
  if (ImGui::IsItemVisible())
    engine.draw(*ImGui::GetWindowDrawList(), {at.x, at.y}, text, style, or_theme(colour, ImGuiCol_Text),
                max_width_px);
}

bool text_button(TextEngine& engine, const char* id, std::string_view label, const ButtonLook& look,
                 ImVec2 size) {
  const Pressed item = press_item(id, fitted(engine, label, look, size), look.enabled);
  const Colour fill = item.held      ? or_theme(look.fill_active, ImGuiCol_ButtonActive)
                      : item.hovered ? or_theme(look.fill_hovered, ImGuiCol_ButtonHovered)
                                     : or_theme(look.fill, ImGuiCol_Button);
  if (item.visible) draw_pressed(engine, item, label, look, fill);
  return item.clicked;
}

bool text_selectable(TextEngine& engine, const char* id, std::string_view label, bool selected,
                     const ButtonLook& look, ImVec2 size) {
  if (size.x == 0) size.x = ImGui::GetContentRegionAvail().x;
  const Pressed item = press_item(id, fitted(engine, label, look, size), look.enabled);
  const Colour fill = item.held      ? or_theme(look.fill_active, ImGuiCol_HeaderActive)
                      : item.hovered ? or_theme(look.fill_hovered, ImGuiCol_HeaderHovered)
                      : selected     ? or_theme(look.fill, ImGuiCol_Header)
                                     : 0;
  if (item.visible) draw_pressed(engine, item, label, look, fill);
  return item.clicked;
}

}  // namespace fabula::text
