// What opens over the window: the command palette, the shortcut sheet, About, the question before purging.
#pragma once

#include <vector>

#include "app/gui/panels/device_dialog.h"
#include "app/gui/panels/load_question.h"
#include "app/gui/panels/precision_panel.h"
#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class Dialogs {
 public:
  explicit Dialogs(text::TextEngine& engine) : query_(engine) { query_.set_single_line(true); }
  void draw(Shell& shell);

 private:
  struct Match {
    std::string id, label, keys;
    std::function<void()> run;
  };
  void open_asked(Shell& shell);
  std::vector<Match> matches(Shell& shell, const std::string& query) const;
  void draw_palette(Shell& shell);
  void draw_shortcuts(Shell& shell);
  void draw_about(Shell& shell);
  void draw_purge(Shell& shell);

  text::Editor query_;
  PrecisionPanel precision_;
  DeviceDialog device_;
  LoadQuestion load_question_;
  std::string purge_session_;
  int selected_ = 0;
  bool take_focus_ = false;
};

}  // namespace fabula::gui
