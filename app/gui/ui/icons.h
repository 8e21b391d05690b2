// Icons drawn from paths in a 24 x 24 box, so that they are sharp at every scale and need no font.
#pragma once

#include <imgui.h>

namespace fabula::gui {

enum class Icon {
  none, plus, search, trash, pencil, export_, undo, redo, copy, check, close, chevron_left, chevron_right, chevron_down,
  send, stop, regenerate, play, branch, book, chat, gear, sidebar, panel, folder, file, arrow_up, arrow_down, warning, info,
  more, cube, lock, pin,
};

// Inside the square of `size` pixels at `position`.
void draw_icon(ImDrawList& list, Icon icon, ImVec2 position, float size, ImU32 color);

// An arc that turns with `turns` (1 = once round).
void draw_spinner(ImDrawList& list, ImVec2 centre, float radius, float turns, ImU32 color);

// Fabula's own mark: an open book whose right page is a speech bubble; the window's icon is rasterised from the same shape.
void draw_mark(ImDrawList& list, ImVec2 position, float size, ImU32 page, ImU32 ink);

}  // namespace fabula::gui
