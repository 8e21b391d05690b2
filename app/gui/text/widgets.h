// Dear ImGui widgets whose words go through the text engine, and the boxes that put an Editor or a TextView
// on the screen. They lay themselves out as ImGui items: IsItemHovered(), GetItemRectMin() and the like work
// after each.
#pragma once

#include <imgui.h>

#include <string_view>

#include "app/gui/text/editor.h"
#include "app/gui/text/markdown_view.h"
#include "app/gui/text/text_engine.h"
#include "app/gui/text/text_view.h"

namespace fabula::text {

inline Point point(ImVec2 v) {
  return {v.x, v.y};
}

// ImGui's own clipboard (GLFW's through the backend).
class ImGuiClipboard final : public Clipboard {
 public:
  std::string get() override;
  void set(std::string_view text) override;
};

// A label as an item. colour 0: ImGuiCol_Text. max_width_px > 0: ellipsis.
void text_label(TextEngine& engine, std::string_view text, const LabelStyle& style, Colour colour = 0,
                float max_width_px = 0);

struct ButtonLook {
  LabelStyle label;
  Colour text = 0;  // 0: ImGuiCol_Text, and the ImGuiCol_Button family below
  Colour fill = 0, fill_hovered = 0, fill_active = 0;
  float rounding = 6;
  ImVec2 padding{12, 6};
  float align = 0.5f;
  bool enabled = true;
};

// size 0: from the label and the padding. `id` is ImGui's, the label is only shown.
bool text_button(TextEngine& engine, const char* id, std::string_view label, const ButtonLook& look,
                 ImVec2 size = {0, 0});

// A row that can be chosen: full width, highlighted when hovered or selected.
bool text_selectable(TextEngine& engine, const char* id, std::string_view label, bool selected,
                     const ButtonLook& look, ImVec2 size = {0, 0});

struct EditBox {
  float size_px = 16;
  FontStyle font;
  float line_spacing = 1.5f;
  float paragraph_spacing_px = 0;
  Colour text = 0;                // 0: ImGuiCol_Text
  Colour placeholder_colour = 0;  // 0: ImGuiCol_TextDisabled
  Colour selection = 0;           // 0: ImGuiCol_TextSelectedBg
  Colour caret = 0;               // 0: ImGuiCol_Text
  std::string_view placeholder;
  float padding = 8;
  float min_lines = 1;
  float max_lines = 1;  // the box grows from min to max lines, then scrolls; 0: fills the height given
  float above_px = 0, below_px = 0;  // blank, scrolled with the text (a page's head and foot)
  bool scrollbar = true;
  bool submit_on_enter = false;  // Enter submits, Shift+Enter makes a new line
  bool take_focus = false;       // this frame
  bool enabled = true;
};

struct EditBoxResult {
  bool changed = false;
  bool submitted = false;  // Enter (see submit_on_enter) or Ctrl+Enter
  bool submitted_back = false;  // Shift+Enter in a single line
  bool focused = false;
  bool escaped = false;
  bool animating = false;  // a drag scrolls: draw again soon
  float height = 0;
};

// Draws the editor in the box and gives it this frame's mouse and, if it has the focus, the queue's events.
// size.x 0: the width available; size.y is used where max_lines is 0.
EditBoxResult edit_box(TextEngine& engine, const char* id, Editor& editor, InputQueue& input,
                       Clipboard& clipboard, const EditBox& look, ImVec2 size = {0, 0});

struct ViewResult {
  bool focused = false;
  bool clicked = false;      // pressed and released without selecting
  uint32_t clicked_tag = 0;  // of the paint span clicked (links)
  uint32_t hovered_tag = 0;
};

// A TextView as an item at the cursor: selection by mouse, Ctrl+C when focused.
ViewResult view_box(TextEngine& engine, const char* id, TextView& view, InputQueue& input,
                    Clipboard& clipboard, float width_px, Colour text = 0, Colour selection = 0);

struct MarkdownResult {
  float height = 0;
  bool focused = false;
  bool hovered = false;
  bool clicked = false;      // pressed and released without selecting
  std::string clicked_link;  // http or https; the caller opens it
  std::string hovered_link;  // to be shown
};

// A MarkdownView as an item at the cursor: selection across blocks, links, Ctrl+C and Ctrl+A when focused. Set the view's
// look before.
MarkdownResult markdown_box(const char* id, MarkdownView& view, InputQueue& input,
                            Clipboard& clipboard, float width_px);

}  // namespace fabula::text
