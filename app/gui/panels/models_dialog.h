// The window of models: what is at hand, what the hub has, and what is on its way.
#pragma once

#include "app/gui/panels/model_details.h"
#include "app/gui/panels/remotes_tab.h"
#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class ModelsDialog {
 public:
  explicit ModelsDialog(text::TextEngine& engine) : words_(engine), token_(engine), remotes_(engine) {
    words_.set_single_line(true);
    token_.set_single_line(true);
  }
  void draw(Shell& shell);

 private:
  enum class Tab { library, hub, remotes };
  void draw_tabs(Shell& shell, Column& column);
  void draw_downloads(Shell& shell, Column& column);
  void draw_library(Shell& shell, Column& column);
  void draw_library_entry(Shell& shell, Column& column, const model::LibraryEntry& entry, int number);
  void draw_hub(Shell& shell, Column& column);
  void draw_found(Shell& shell, Column& column, const hub::FoundRepository& found, int number);
  void draw_look(Shell& shell, Column& column, const hub::Look& look);
  void draw_offer(Shell& shell, const ImRect& row, const std::string& name, const std::string& label, uint64_t bytes);
  void draw_token(Shell& shell, Column& column);
  void remove(Shell& shell, const model::LibraryEntry& entry);

  text::Editor words_, token_;
  RemotesTab remotes_;
  ModelDetails details_;
  std::string opened_path_;  // whose details are shown
  Tab tab_ = Tab::library;
  std::string looked_at_;   // the repository whose files are shown
  std::string asked_path_;  // whose removal was asked for once
  bool take_focus_ = false;
};

}  // namespace fabula::gui
