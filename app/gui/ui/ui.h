// The window's own controls. Every interactive one goes through interact(): it answers mouse and keyboard, shows the focus,
// and is recorded for the automation socket. Words go through the text engine; Dear ImGui supplies windows, popups,
// scrolling and the draw lists.
// Coordinates are ImGui's (screen coordinates of GLFW); sizes are given in density-independent pixels and scaled by px().
// Thread: the UI thread alone.
#pragma once

#include <imgui.h>
#include <imgui_internal.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/gui/automation.h"
#include "app/gui/strings.h"
#include "app/gui/text/text_engine.h"
#include "app/gui/text/widgets.h"
#include "app/gui/ui/icons.h"
#include "app/gui/ui/theme.h"

namespace fabula::gui {

struct Hit {
  bool hovered = false, held = false, clicked = false, focused = false;
};

struct TextLook {
  float size = type::body;
  ImU32 color = 0;  // 0: the theme's text
  text::FontWeight weight = text::FontWeight::regular;
  text::FontFamily family = text::FontFamily::ui;
};

enum class ButtonKind { primary, secondary, ghost, danger };

struct ButtonOptions {
  ButtonKind kind = ButtonKind::secondary;
  Icon icon = Icon::none;
  bool enabled = true;
  bool active = false;  // a toggle that is on
  float align = 0.5f;
  std::string_view tooltip;
  float text_size = type::body;
};

class Ui {
 public:
  Ui(text::TextEngine& engine, const Strings& strings) : engine(engine), tr(strings) {}

  text::TextEngine& engine;
  const Strings& tr;
  Theme theme;
  text::InputQueue input;
  text::ImGuiClipboard clipboard;

  // ---- frame
  void begin_frame(float scale, float framebuffer_scale, double now_seconds);
  void end_frame();
  float scale() const { return scale_; }
  float px(float dp) const { return dp * scale_; }
  double now() const { return now_; }
  const Palette& color() const { return theme.color; }
  // The next moment at which something changes by itself (a tooltip, a caret, an animation); infinity for never.
  void wake_at(double seconds) { wake_at_ = std::min(wake_at_, seconds); }
  double next_wake() const { return wake_at_; }

  // ---- words
  ImVec2 measure(std::string_view words, const TextLook& look, float wrap_width = 0);
  // Returns the width drawn. max_width > 0: longer text ends in an ellipsis.
  float text(ImVec2 position, std::string_view words, const TextLook& look, float max_width = 0);
  void text_in(const ImRect& box, std::string_view words, const TextLook& look, float align = 0.5f);
  float paragraph(ImVec2 position, std::string_view words, const TextLook& look, float width);  // returns the height

  // ---- shapes
  ImDrawList& list() { return *ImGui::GetWindowDrawList(); }
  void fill(const ImRect& box, ImU32 color, float radius_dp = 0, ImDrawFlags corners = 0);
  void stroke(const ImRect& box, ImU32 color, float radius_dp = 0, float width_dp = 1);
  void hairline(ImVec2 from, ImVec2 to);
  void shadow(const ImRect& box, float radius_dp);
  void icon(Icon icon, const ImRect& box, float size_dp, ImU32 color);

  // ---- controls
  Hit interact(std::string_view id, std::string_view label, const ImRect& box, bool enabled = true, float focus_radius_dp = radius::control);
  void record(std::string_view id, std::string_view label, const ImRect& box, bool enabled = true, bool focused = false);
  // Recorded for the automation socket, and no stop of the keyboard's focus: there is nothing to press.
  void mention(std::string_view id, std::string_view label, const ImRect& box);
  // What answers the mouse by other means (a text, a link in it): a stop of the focus. true: pressed by a key.
  bool focus_stop(std::string_view id, std::string_view label, const ImRect& box, bool focused = false);
  bool hovers(const ImRect& box) const;  // by geometry, popups above considered
  bool button(std::string_view id, std::string_view label, const ImRect& box, const ButtonOptions& options = {});
  bool icon_button(std::string_view id, Icon icon, std::string_view label, const ImRect& box, bool enabled = true, bool active = false,
                   float icon_dp = 16, ImU32 color = 0);
  float button_width(std::string_view label, bool with_icon, float text_size = type::body);
  // true: changed. The value's text stands at the right of the label, the track below.
  // neutral: the value that changes nothing; the track is filled from there, else from its left end.
  bool slider(std::string_view id, std::string_view label, const ImRect& box, float& value, float lowest, float highest,
              std::string_view shown, bool logarithmic = false, const float* neutral = nullptr);
  bool toggle(std::string_view id, std::string_view label, const ImRect& box, bool& on);
  // A field that opens a popup with choices. Returns the index chosen, -1 for none.
  int choice(std::string_view id, std::string_view label, const ImRect& box, const std::vector<std::string>& names, int current,
             bool enabled = true);
  text::EditBoxResult field(std::string_view id, std::string_view label, text::Editor& editor, const ImRect& box,
                            text::EditBox look, Icon leading = Icon::none);
  void tooltip(const ImRect& box, std::string_view words);

  // ---- popups (of our own look)
  bool begin_menu(const char* id, ImVec2 position, float width_dp);  // ImGui::OpenPopup(id) opens it; moved to where all of it is seen
  bool menu_item(std::string_view id, std::string_view label, std::string_view shortcut = {}, bool enabled = true, bool checked = false,
                 Icon icon = Icon::none, bool danger = false);
  void menu_separator();
  void menu_heading(std::string_view label);
  void end_menu();
  // A dialog in the middle; true while it is open. Close with ImGui::CloseCurrentPopup().
  bool begin_dialog(const char* id, std::string_view title, float width_dp, float height_dp);
  void end_dialog();
  // A framed list that scrolls, at its own coordinates. As with ImGui's own: end it in any case.
  bool begin_list(const char* id, const ImRect& box);
  void end_list() { ImGui::EndChild(); }

  // ---- keyboard focus
  void focus(std::string_view id) { focus_ = id; }
  const std::string& focused() const { return focus_; }
  void move_focus(int step);
  void activate_focused() { activate_ = true; }
  bool focus_visible() const { return focus_visible_; }
  void hide_focus() { focus_visible_ = false; }
  // A list takes arrow keys of its own: set while a slider or list item has the focus.
  int take_arrow() { return std::exchange(arrow_, 0); }
  void push_arrow(int direction) { arrow_ = direction; }

  const std::vector<WidgetRecord>& widgets() const { return recorded_; }

 private:
  void draw_focus_ring(const ImRect& box, float radius_dp);
  text::LabelStyle style(const TextLook& look, float wrap_width = 0) const;
  ImU32 color_of(const TextLook& look) const { return look.color != 0 ? look.color : theme.color.text; }

  float scale_ = 1, framebuffer_scale_ = 1;
  double now_ = 0, wake_at_ = 0;
  std::vector<WidgetRecord> recorded_, order_;
  std::vector<int> layers_, order_layers_;  // popup depth of each, for the focus order; -1: no stop
  std::string focus_;
  bool focus_visible_ = false, activate_ = false;
  int arrow_ = 0;
  ImGuiID tooltip_for_ = 0;
  double tooltip_since_ = 0;
};

}  // namespace fabula::gui
