// What a story's author tells the model beside the page: memory, read in front of it, and a note at a chosen depth.
#pragma once

#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class MemoryDialog {
 public:
  explicit MemoryDialog(text::TextEngine& engine) : memory_(engine), note_(engine) {}
  void draw(Shell& shell);

 private:
  void open(Shell& shell);

  text::Editor memory_, note_;
  int64_t depth_ = 0;
  bool open_ = false, take_focus_ = false;
};

}  // namespace fabula::gui
