// The boxes of widgets.h that put an Editor or a TextView on the screen.
#include <imgui_internal.h>

#include <algorithm>
#include <cmath>

#include "app/gui/text/widgets.h"

namespace fabula::text {

namespace {

Colour or_theme(Colour colour, ImGuiCol theme) {
  return colour != 0 ? colour : ImGui::GetColorU32(theme);
}

constexpr float wheel_lines = 3;
constexpr float scrollbar_hit_px = 12;

// Debian 12 has Dear ImGui 1.86, later releases 1.91: the few internals that differ are told apart here.
bool item_hoverable(const ImRect& box, ImGuiID id) {
#if IMGUI_VERSION_NUM >= 18970
  return ImGui::ItemHoverable(box, id, ImGuiItemFlags_None);
#else
  return ImGui::ItemHoverable(box, id);
#endif
}

bool activated_by_keyboard(const ImGuiContext& g, ImGuiID id) {
#if IMGUI_VERSION_NUM >= 18940
  return g.NavActivateId == id;
#else
  return g.NavActivateId == id || g.NavActivateInputId == id;
#endif
}

void keep_navigation_keys(ImGuiContext& g) {
  g.ActiveIdUsingNavDirMask = ~0u;
#if IMGUI_VERSION_NUM < 18900
  g.ActiveIdUsingNavInputMask = ~0u;
#endif
}

struct EditFrame {
  ImGuiID id = 0;
  ImRect box;  // the whole item
  Rect text;   // where lines stand, on the screen
  bool hovered = false;
  bool active = false;
};

// While it has the focus the box is ImGui's active item, as ImGui's own input fields are, so that keyboard
// navigation leaves the arrows alone; other items may still be hovered.
void hold_focus(EditFrame& frame, const EditBox& look) {
  ImGuiContext& g = *ImGui::GetCurrentContext();
  ImGuiWindow* window = ImGui::GetCurrentWindow();
  ImGuiWindow* dialog = ImGui::GetTopMostPopupModal();
  const bool behind = dialog && !ImGui::IsWindowWithinBeginStackOf(window, dialog);  // taking the focus would close the dialog
  const bool clicked = frame.hovered && g.IO.MouseClicked[0];
  const bool by_keyboard = activated_by_keyboard(g, frame.id);
  if (look.enabled && !behind && (clicked || look.take_focus || by_keyboard) && g.ActiveId != frame.id) {
    ImGui::SetActiveID(frame.id, window);
    ImGui::SetFocusID(frame.id, window);
    ImGui::FocusWindow(window);
  }
  frame.active = g.ActiveId == frame.id;
  if (frame.active && (!look.enabled || (g.IO.MouseClicked[0] && !frame.hovered))) {
    ImGui::ClearActiveID();
    frame.active = false;
  }
  if (!frame.active) return;
  ImGui::KeepAliveID(frame.id);
  g.ActiveIdAllowOverlap = !g.IO.MouseDown[0];
  keep_navigation_keys(g);
  g.WantTextInputNextFrame = 1;
}

void feed_keys(Editor& editor, InputQueue& input, Clipboard& clipboard, const EditBox& look,
               EditBoxResult& result) {
  for (const InputEvent& event : input.take()) {
    if (event.is_character) {
      editor.character(event.character);
    } else if (event.key.key == Key::escape) {
      result.escaped = true;
    } else if (event.key.key == Key::enter &&
               (event.key.ctrl || (look.submit_on_enter && !event.key.shift))) {
      result.submitted = true;
    } else if (!editor.key(event.key, clipboard) && event.key.key == Key::enter) {
      result.submitted_back = look.submit_on_enter;
    }
  }
}

void feed_mouse(Editor& editor, const EditFrame& frame, float scroll, EditBoxResult& result) {
  const ImGuiIO& io = ImGui::GetIO();
  const Point at{io.MousePos.x - frame.text.x, io.MousePos.y - frame.text.y + scroll};
  if (frame.hovered) ImGui::SetMouseCursor(ImGuiMouseCursor_TextInput);
  if (!frame.active) return;
  if (frame.hovered && io.MouseClicked[0]) {
    editor.mouse_down(at, io.MouseClickedCount[0], io.KeyShift);
    editor.reveal_caret();
  } else if (io.MouseDown[0] && ImGui::IsMouseDragging(0, 2.0f)) {
    editor.mouse_drag(at);
    editor.reveal_caret();
    result.animating = io.MousePos.y < frame.box.Min.y || io.MousePos.y > frame.box.Max.y;
  }
}

void keep_in_view(Editor& editor, float& scroll, float above, float view_height, float line_height) {
  if (editor.take_reveal()) {
    const Rect caret = editor.flow().caret_rect(editor.selection().caret());
    const float y = caret.y + above;
    if (y < scroll) scroll = y;
    if (y + caret.height > scroll + view_height) scroll = y + caret.height - view_height;
    if (view_height < line_height) scroll = y;
  }
}

// The thin bar at the right edge. `grab`: where in the thumb the mouse took it, < 0 while it has not.
struct Scrollbar {
  float track_top = 0, track = 0, thumb = 0;
  float most = 0;  // largest scroll position

  float thumb_y(float scroll) const {
    return track_top + (track - thumb) * (most > 0 ? std::clamp(scroll / most, 0.0f, 1.0f) : 0);
  }
};

Scrollbar scrollbar_of(const EditFrame& frame, float content) {
  const float view = frame.text.height;
  Scrollbar bar;
  bar.most = std::max(0.0f, content - view);
  bar.track_top = frame.box.Min.y + 4;
  bar.track = frame.box.GetHeight() - 8;
  bar.thumb = std::min(bar.track, std::max(24.0f, bar.track * view / std::max(1.0f, content)));
  return bar;
}

// true: the mouse is the scrollbar's.
bool drag_scrollbar(const EditFrame& frame, const Scrollbar& bar, float& grab, float& scroll) {
  const ImGuiIO& io = ImGui::GetIO();
  if (!io.MouseDown[0] || bar.most <= 1) grab = -1;
  const bool over = frame.hovered && io.MousePos.x >= frame.box.Max.x - scrollbar_hit_px;
  if (frame.active && over && io.MouseClicked[0] && bar.most > 1) {
    const float inside = io.MousePos.y - bar.thumb_y(scroll);
    grab = inside >= 0 && inside <= bar.thumb ? inside : bar.thumb / 2;
  }
  if (grab < 0) return false;
  const float room = std::max(1.0f, bar.track - bar.thumb);
  scroll = std::clamp((io.MousePos.y - grab - bar.track_top) / room, 0.0f, 1.0f) * bar.most;
  return true;
}

void draw_scrollbar(const EditFrame& frame, const Scrollbar& bar, float scroll, bool held) {
  if (bar.most <= 1) return;
  const float y = bar.thumb_y(scroll), x = frame.box.Max.x - 7;
  ImGui::GetWindowDrawList()->AddRectFilled(
      {x, y}, {x + 4, y + bar.thumb},
      ImGui::GetColorU32(held ? ImGuiCol_ScrollbarGrabActive : ImGuiCol_ScrollbarGrab), 2);
}

void draw_editor(TextEngine& engine, Editor& editor, const EditFrame& frame, const EditBox& look,
                 float scroll) {
  ImDrawList& list = *ImGui::GetWindowDrawList();
  const Rect& r = frame.text;
  list.PushClipRect({r.x - 2, r.y}, {r.x + r.width + 2, r.y + r.height}, true);
  const Selection& selection = editor.selection();
  Colour text = or_theme(look.text, ImGuiCol_Text);
  if (!look.enabled) text = or_theme(look.placeholder_colour, ImGuiCol_TextDisabled);
  if (editor.empty() && !look.placeholder.empty()) {
    const FlowStyle& style = editor.flow().style();
    const LabelStyle label{style.size_px, style.font, 0, style.line_spacing};
    engine.draw(list, {r.x, r.y - scroll}, look.placeholder, label,
                or_theme(look.placeholder_colour, ImGuiCol_TextDisabled), r.width);
  }
  editor.flow().draw(
      list, {r.x, r.y - scroll}, r.y, r.y + r.height,
      {text, or_theme(look.selection, ImGuiCol_TextSelectedBg), selection.begin(), selection.end()});
  if (frame.active) {
    const Rect caret = editor.flow().caret_rect(selection.caret());
    const float height = editor.flow().style().size_px * 1.25f, middle = caret.y + caret.height / 2;
    const float x = std::round(r.x + caret.x), y = std::round(r.y - scroll + middle - height / 2);
    const float width = std::max(1.0f, std::round(look.size_px / 11));
    list.AddRectFilled({x, y}, {x + width, y + std::round(height)}, or_theme(look.caret, ImGuiCol_Text));
  }
  list.PopClipRect();
}

}  // namespace

EditBoxResult edit_box(TextEngine& engine, const char* id, Editor& editor, InputQueue& input,
                       Clipboard& clipboard, const EditBox& look, ImVec2 size) {
  EditBoxResult result;
  FlowStyle style = editor.flow().style();
  style.size_px = look.size_px;
  style.font = look.font;
  style.line_spacing = look.line_spacing;
  style.paragraph_spacing_px = look.paragraph_spacing_px;
  editor.flow().set_style(style);
  if (size.x <= 0) size.x = std::max(1.0f, ImGui::GetContentRegionAvail().x + size.x);
  editor.flow().set_width(std::max(1.0f, size.x - 2 * look.padding));
  const float line = std::round(style.size_px * style.font.scale * style.line_spacing);
  if (look.max_lines > 0) {
    editor.flow().prepare(0, look.max_lines * line);
    size.y =
        std::clamp(editor.flow().height(), look.min_lines * line, look.max_lines * line) + 2 * look.padding;
  }
  const ImVec2 at = ImGui::GetCursorScreenPos();
  EditFrame frame;
  frame.id = ImGui::GetID(id);
  frame.box = {at, {at.x + size.x, at.y + size.y}};
  frame.text = {at.x + look.padding, at.y + look.padding, size.x - 2 * look.padding,
                std::max(line, size.y - 2 * look.padding)};
  ImGui::ItemSize(size);
  result.height = size.y;
  if (!ImGui::ItemAdd(frame.box, frame.id, nullptr, ImGuiItemFlags_Inputable) &&
      ImGui::GetActiveID() != frame.id && !look.take_focus)
    return result;
  frame.hovered = item_hoverable(frame.box, frame.id);
  hold_focus(frame, look);
  float scroll = editor.scroll();
  editor.set_page_height(frame.text.height);
  const uint64_t before = editor.revision();
  float& grab = *ImGui::GetStateStorage()->GetFloatRef(frame.id + 1, -1.0f);
  const auto content = [&] { return look.above_px + editor.flow().height() + look.below_px; };
  const Scrollbar bar = scrollbar_of(frame, look.scrollbar ? content() : 0);
  if (!drag_scrollbar(frame, bar, grab, scroll)) feed_mouse(editor, frame, scroll - look.above_px, result);
  if (frame.active) feed_keys(editor, input, clipboard, look, result);
  if (frame.hovered && ImGui::GetIO().MouseWheel != 0 && content() > frame.text.height) {
    scroll -= ImGui::GetIO().MouseWheel * wheel_lines * line;
    ImGui::GetIO().MouseWheel = 0;  // used up: what is around the box stays
  }
  keep_in_view(editor, scroll, look.above_px, frame.text.height, line);
  scroll = std::clamp(scroll, 0.0f, std::max(0.0f, content() - frame.text.height));
  scroll += editor.flow().prepare(scroll - look.above_px, frame.text.height);
  editor.set_scroll(std::round(scroll));
  draw_editor(engine, editor, frame, look, editor.scroll() - look.above_px);
  if (look.scrollbar) draw_scrollbar(frame, scrollbar_of(frame, content()), editor.scroll(), grab >= 0);
  result.changed = editor.revision() != before;
  result.focused = frame.active;
  return result;
}

ViewResult view_box(TextEngine&, const char* id, TextView& view, InputQueue& input, Clipboard& clipboard,
                    float width_px, Colour text, Colour selection) {
  ViewResult result;
  const float height = view.height(width_px);
  ImVec2 at = ImGui::GetCursorScreenPos();
  const ImVec2 clip_min = ImGui::GetWindowDrawList()->GetClipRectMin(),
               clip_max = ImGui::GetWindowDrawList()->GetClipRectMax();
  // Heights that become exact above what is seen: the window scrolls by as much, and this frame is drawn so
  // already.
  if (const float moved = view.flow().prepare(clip_min.y - at.y, clip_max.y - clip_min.y);
      moved != 0 && ImGui::GetScrollMaxY() > 0) {
    ImGui::SetScrollY(ImGui::GetScrollY() + moved);
    at.y -= moved;
  }
  ImGui::InvisibleButton(id, {std::max(1.0f, width_px), std::max(1.0f, height)});
  const ImGuiIO& io = ImGui::GetIO();
  const Point mouse{io.MousePos.x - at.x, io.MousePos.y - at.y};
  if (ImGui::IsItemHovered()) {
    ImGui::SetMouseCursor(ImGuiMouseCursor_TextInput);
    result.hovered_tag = view.flow().tag_at(mouse);
    if (result.hovered_tag != 0) ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
  }
  if (ImGui::IsItemActivated()) view.selection().mouse_down(mouse, io.MouseClickedCount[0], io.KeyShift);
  if (ImGui::IsItemActive() && ImGui::IsMouseDragging(0, 2.0f)) view.selection().mouse_drag(mouse);
  result.clicked = ImGui::IsItemDeactivated() && view.selection().empty();
  if (result.clicked) result.clicked_tag = result.hovered_tag;
  result.focused = ImGui::IsItemFocused();
  if (result.focused)
    for (const InputEvent& event : input.take())
      if (event.is_character || !view.key(event.key, clipboard)) input.put_back(event);
  if (!result.focused && !view.selection().empty() && io.MouseClicked[0] && !ImGui::IsItemHovered())
    view.selection().set_caret(view.selection().caret());
  view.draw(*ImGui::GetWindowDrawList(), point(at), clip_min.y, clip_max.y, or_theme(text, ImGuiCol_Text),
            or_theme(selection, ImGuiCol_TextSelectedBg));
  return result;
}

}  // namespace fabula::text
