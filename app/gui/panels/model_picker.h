// The popover below the model's name: search, the models at hand by where they were found, and the ways to more.
#pragma once

#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class ModelPicker {
 public:
  explicit ModelPicker(text::TextEngine& engine) : query_(engine) { query_.set_single_line(true); }
  void open(Shell& shell);  // in the window that draws it
  void draw(Shell& shell, const ImRect& anchor);

 private:
  void draw_list(Shell& shell, float width, float height);

  text::Editor query_;
  bool take_focus_ = false;
};

}  // namespace fabula::gui
