// The part of the right panel that shows what the model sees: how full the context is, which messages are read, what goes next,
// and what happens when it is full. Also the switches of the chat template.
#pragma once

#include "app/gui/shell.h"

namespace fabula::gui {

class ContextSection {
 public:
  void draw(Shell& shell, Column& column);

 private:
  void draw_map(Shell& shell, const ImRect& box, const session::Outlook& outlook);
  void draw_words(Shell& shell, Column& column, const session::Outlook& outlook);
  void draw_choices(Shell& shell, Column& column);
};

}  // namespace fabula::gui
