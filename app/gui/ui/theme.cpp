#include "app/gui/ui/theme.h"

#include <cmath>

namespace fabula::gui {
namespace {

constexpr ImU32 rgb(uint32_t hex) { return IM_COL32((hex >> 16) & 0xFF, (hex >> 8) & 0xFF, hex & 0xFF, 0xFF); }
constexpr ImU32 rgba(uint32_t hex, int alpha) {
  return IM_COL32((hex >> 16) & 0xFF, (hex >> 8) & 0xFF, hex & 0xFF, static_cast<uint32_t>(alpha));
}

constexpr Palette light = {
    .window = rgb(0xFCFBF9), .sidebar = rgb(0xF3F1EC), .raised = rgb(0xFFFFFF),
    .hover = rgba(0x2B2A26, 15), .active = rgba(0x2B2A26, 28),
    .border = rgb(0xE2DFD8), .outline = rgb(0x8F8B82),
    .text = rgb(0x22211E), .text_soft = rgb(0x55524B), .text_faint = rgb(0x6A665E),
    .accent = rgb(0x0B6E63), .on_accent = rgb(0xFFFFFF), .accent_soft = rgb(0xDFEEEA),
    .own_tint = rgb(0x0B5F80),
    .danger = rgb(0xB3261E), .on_danger = rgb(0xFFFFFF), .warning = rgb(0x8A5300), .good = rgb(0x1F6B3A),
    .shadow = rgba(0x1A1814, 34), .scrim = rgba(0x1A1814, 90), .selection = rgba(0x0B6E63, 56),
    .found = rgb(0xFBE9BC), .found_now = rgb(0xF7BE4B),
};

constexpr Palette dark = {
    .window = rgb(0x181A1A), .sidebar = rgb(0x121414), .raised = rgb(0x222525),
    .hover = rgba(0xFFFFFF, 16), .active = rgba(0xFFFFFF, 30),
    .border = rgb(0x2F3333), .outline = rgb(0x757C7A),
    .text = rgb(0xEDEEEC), .text_soft = rgb(0xB4B8B5), .text_faint = rgb(0x9DA29F),
    .accent = rgb(0x5CC2B2), .on_accent = rgb(0x06231F), .accent_soft = rgb(0x1F3B37),
    .own_tint = rgb(0x86C5E8),
    .danger = rgb(0xF2897F), .on_danger = rgb(0x350906), .warning = rgb(0xE9B15C), .good = rgb(0x7FD19B),
    .shadow = rgba(0x000000, 110), .scrim = rgba(0x000000, 140), .selection = rgba(0x5CC2B2, 70),
    .found = rgb(0x453A1C), .found_now = rgb(0x7D5A0B),
};

double luminance(ImU32 color) {
  const auto channel = [color](int shift) {
    const double c = ((color >> shift) & 0xFF) / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(IM_COL32_R_SHIFT) + 0.7152 * channel(IM_COL32_G_SHIFT) + 0.0722 * channel(IM_COL32_B_SHIFT);
}

}  // namespace

Theme make_theme(bool is_dark) { return {is_dark, is_dark ? dark : light}; }

double contrast(ImU32 a, ImU32 b) {
  const double x = luminance(a), y = luminance(b);
  return (std::fmax(x, y) + 0.05) / (std::fmin(x, y) + 0.05);
}

void apply_imgui_style(const Theme& theme, float scale) {
  ImGuiStyle style;
  const Palette& c = theme.color;
  const auto set = [&style](ImGuiCol slot, ImU32 color) { style.Colors[slot] = ImGui::ColorConvertU32ToFloat4(color); };
  style.WindowPadding = style.FramePadding = style.ItemSpacing = style.ItemInnerSpacing = ImVec2(0, 0);
  style.WindowBorderSize = style.ChildBorderSize = 0;
  style.PopupBorderSize = 1;
  style.PopupRounding = radius::control * scale;
  style.ScrollbarSize = 10 * scale;
  style.ScrollbarRounding = 5 * scale;
  style.GrabMinSize = 24 * scale;
  style.WindowMinSize = ImVec2(1, 1);
  set(ImGuiCol_WindowBg, c.window);
  set(ImGuiCol_ChildBg, IM_COL32(0, 0, 0, 0));
  set(ImGuiCol_PopupBg, c.raised);
  set(ImGuiCol_Border, c.border);
  set(ImGuiCol_Text, c.text);
  set(ImGuiCol_ScrollbarBg, IM_COL32(0, 0, 0, 0));
  set(ImGuiCol_ScrollbarGrab, with_alpha(c.outline, 0.45f));
  set(ImGuiCol_ScrollbarGrabHovered, with_alpha(c.outline, 0.75f));
  set(ImGuiCol_ScrollbarGrabActive, c.outline);
  set(ImGuiCol_ModalWindowDimBg, c.scrim);
  ImGui::GetStyle() = style;
}

}  // namespace fabula::gui
