// Questions about one session: what an act costs and whether the oldest may be left out; its folder and tags.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class SessionDialogs {
 public:
  explicit SessionDialogs(text::TextEngine& engine) : folder_(engine), tags_(engine) {
    folder_.set_single_line(true);
    tags_.set_single_line(true);
  }
  void draw(Shell& shell);

 private:
  void draw_cost(Shell& shell);
  void draw_labels(Shell& shell);
  void open_asked(Shell& shell);

  text::Editor folder_, tags_;
  std::string label_session_;
  bool take_focus_ = false, cost_open_ = false;
};

}  // namespace fabula::gui
