// A reply's Markdown with all that one can press in it: its links, and a copy button on each block of code.
// Both are stops of the keyboard's focus.
#pragma once

#include <string>

#include "app/gui/shell.h"
#include "app/gui/text/markdown_view.h"

namespace fabula::gui {

struct MarkdownMessage {
  bool focused = false;
  bool clicked = false;  // without selecting, and not on a link
};

// At the cursor; what can be pressed is called "<id>.copy_code.0", "<id>.link.0", numbered through the message.
MarkdownMessage draw_markdown_message(Shell& shell, const std::string& id, text::MarkdownView& view, float width);

}  // namespace fabula::gui
