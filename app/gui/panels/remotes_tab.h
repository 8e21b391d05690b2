// The servers elsewhere in the window of models: which there are, their models, and the way to add one.
#pragma once

#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class RemotesTab {
 public:
  explicit RemotesTab(text::TextEngine& engine) : name_(engine), url_(engine), key_(engine) {
    for (text::Editor* editor : {&name_, &url_, &key_}) editor->set_single_line(true);
  }
  void draw(Shell& shell, Column& column);

 private:
  void draw_server(Shell& shell, Column& column, const RemoteServer& server, int number);
  void draw_form(Shell& shell, Column& column);
  void add(Shell& shell);

  text::Editor name_, url_, key_;
  std::string asked_name_;  // whose removal was asked for once
  std::string error_;       // of the last try to add one
  bool adding_ = false;
};

}  // namespace fabula::gui
