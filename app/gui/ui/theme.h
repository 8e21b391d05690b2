// The look of the window: colours by role, a type scale and a spacing scale. Contrast of text on the surfaces it stands on is
// at least 4.5:1 (WCAG 2.1 AA), of control outlines and icons at least 3:1; a test computes it from this table.
#pragma once

#include <imgui.h>

#include <cstdint>

namespace fabula::gui {

struct Palette {
  ImU32 window;       // the page behind transcript and story
  ImU32 sidebar;      // sidebar, menu bar, right panel, status bar
  ImU32 raised;       // cards, fields, popups
  ImU32 hover, active;  // laid over a surface (translucent)
  ImU32 border;       // hairlines
  ImU32 outline;      // edges of controls that must be seen
  ImU32 text, text_soft, text_faint;
  ImU32 accent, on_accent, accent_soft;  // accent_soft: selected rows, own messages
  ImU32 own_tint;     // the person's own words in a story
  ImU32 danger, on_danger, warning, good;
  ImU32 shadow, scrim, selection;
  ImU32 found, found_now;  // behind words that were looked for, and behind the one that one has come to
};

struct Theme {
  bool dark = false;
  Palette color;
};

Theme make_theme(bool dark);

// Sizes in density-independent pixels; Ui::px() scales them.
namespace type {
constexpr float caption = 11.5f, small = 12.5f, body = 14.0f, prose = 15.0f, story = 16.5f, title = 19.0f, display = 26.0f;
}
namespace space {
constexpr float xs = 4, s = 8, m = 12, l = 16, xl = 24, xxl = 40;
}
namespace radius {
constexpr float small = 5, control = 8, card = 12, bubble = 16;
}

// Relative luminance contrast of two opaque colours, 1 ... 21 (WCAG 2.1).
double contrast(ImU32 a, ImU32 b);

// Colours and metrics of the few Dear ImGui parts that are drawn by it: scrollbars, popups, child borders.
void apply_imgui_style(const Theme& theme, float scale);

inline ImU32 with_alpha(ImU32 color, float alpha) {
  const auto a = static_cast<uint32_t>(((color >> IM_COL32_A_SHIFT) & 0xFF) * alpha);
  return (color & ~IM_COL32_A_MASK) | (a << IM_COL32_A_SHIFT);
}

}  // namespace fabula::gui
