// The first start of Chat: three models to choose from where there is none, fetched here, or a file.
#pragma once

#include "app/gui/shell.h"

namespace fabula::gui {

// No model at hand can chat: the library was read, and nothing in it brings a template.
bool wants_starters(const Shell& shell);
float starters_height(Ui& ui);
void draw_starters(Shell& shell, const ImRect& box);

}  // namespace fabula::gui
