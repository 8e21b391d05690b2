// The part of the right panel with the system prompt and its presets.
#pragma once

#include "app/gui/panels/preset_row.h"
#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class SystemSection {
 public:
  explicit SystemSection(text::TextEngine& engine) : text_(engine), presets_(engine) {}
  void follow(Shell& shell, bool other_session);
  void draw(Shell& shell, Column& column);

 private:
  void keep(Shell& shell);
  text::Editor text_;
  PresetRow presets_;
  std::string saved_;
  bool focused_ = false;
};

}  // namespace fabula::gui
