// The left side: mode tabs, New, search, the sessions grouped by day, the trash.
#pragma once

#include <unordered_set>

#include "app/gui/panels/session_groups.h"
#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class SidebarPanel {
 public:
  explicit SidebarPanel(text::TextEngine& engine) : search_(engine), rename_(engine) {
    search_.set_single_line(true);
    rename_.set_single_line(true);
  }
  void draw(Shell& shell, const ImRect& area);

 private:
  void draw_tabs(Shell& shell, Column& column);
  void draw_list(Shell& shell, const ImRect& area);
  void draw_row(Shell& shell, Column& column, const session::SessionInfo& info, size_t number);
  void draw_row_buttons(Shell& shell, const session::SessionInfo& info, const std::string& id, const ImRect& row, bool shown);
  void draw_trash(Shell& shell, const ImRect& area);
  void draw_hits(Shell& shell, Column& column);
  bool draw_rename(Shell& shell, const ImRect& row, const session::SessionInfo& info);
  void draw_rollback_menu(Shell& shell);
  bool draw_group_heading(Shell& shell, Column& column, const SessionGroup& group, size_t& number);
  void draw_nothing(Shell& shell, Column& column);
  void open_row_menu(const std::string& session, ImVec2 at);
  void draw_row_menu(Shell& shell);

  text::Editor search_, rename_;
  std::string query_, renaming_, menu_session_;
  ImVec2 menu_at_ = {};
  std::unordered_set<std::string> folded_;  // folders
  bool trash_ = false, open_menu_ = false, open_row_menu_ = false, take_rename_focus_ = false;
};

}  // namespace fabula::gui
