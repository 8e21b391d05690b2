// The round button above the end of a page or chat that has been scrolled away from.
#pragma once

#include "app/gui/shell.h"

namespace fabula::gui {

bool draw_jump_button(Shell& shell, const ImRect& area);  // true: clicked

}  // namespace fabula::gui
