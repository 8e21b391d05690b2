// Ctrl+F: the bar at the top of a page or a chat. It holds the words and says what was asked for; the panel below finds them.
#pragma once

#include <string>

#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class FindBar {
 public:
  enum class Act { none, changed, next, previous, replace, replace_all, closed };

  explicit FindBar(text::TextEngine& engine) : words_(engine), with_(engine) {
    words_.set_single_line(true);
    with_.set_single_line(true);
  }
  void open(const std::string& words);  // "": those of the last time
  void close() { open_ = false; }
  bool is_open() const { return open_; }
  std::string words() const { return words_.text(); }
  std::string replacement() const { return with_.text(); }
  bool match_case() const { return match_case_; }
  float height(const Ui& ui, bool replaces) const { return open_ ? ui.px(replaces ? 88 : 48) : 0; }

  // Along the top of `area`. `current` counts from 0 among `count` places; replaces: a second line to replace with.
  Act draw(Shell& shell, const ImRect& area, bool replaces, size_t current, size_t count);

 private:
  text::Editor words_, with_;
  bool open_ = false, take_focus_ = false, match_case_ = false;
};

}  // namespace fabula::gui
