// What can be done with one message: the row of small buttons below it (chat) or beside it (story), and the walk through its
// alternatives.
#pragma once

#include <optional>

#include "app/gui/shell.h"

namespace fabula::gui {

struct MessageRow {
  size_t number = 0;  // on the current path, from 0
  const session::Message* message = nullptr;
  bool last = false;
  bool shown = false;      // else recorded only
  bool generating = false;
  bool vertical = false;   // one button below the other, in a page's margin
};

float message_row_length(const Ui& ui, const MessageRow& row);  // width, or height where it is vertical
// From the row's top left; returns where it ends at the right (vertical: at the bottom).
float draw_message_row(Shell& shell, const MessageRow& row, ImVec2 at);

// The place on the path of the message that a search found. none: nothing was asked, or its session is not read yet. Where it
// stands on another branch, this goes there and says so; while a reply is written, it shows the outline in its stead.
std::optional<size_t> take_revealed(Shell& shell);

// The question that a rollback asks: what it would drop. Draws the popup "rollback.ask"; open_rollback_question() opens it.
void open_rollback_question(Shell& shell, const std::string& message);
void draw_rollback_question(Shell& shell);

}  // namespace fabula::gui
