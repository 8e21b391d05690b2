// The menu bar above, the status bar below, the toasts over everything.
#pragma once

#include "app/gui/shell.h"

namespace fabula::gui {

void draw_menu_bar(Shell& shell, const ImRect& area);
// words: of the story shown, 0 for none.
void draw_status_bar(Shell& shell, const ImRect& area, size_t words);
void draw_toasts(Shell& shell, const ImRect& area);

}  // namespace fabula::gui
