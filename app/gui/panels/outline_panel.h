// The branches of the open session as a tree: runs without a fork are one row with their first words, the way that leads to
// the present page is marked, and a click goes there.
#pragma once

#include <string>
#include <vector>

#include "app/gui/shell.h"

namespace fabula::gui {

// One row: a run of messages each of which has only the next one behind it.
struct OutlineRun {
  std::string first_id, last_id;
  std::string words;      // the first ones
  int depth = 0;          // forks above it
  size_t messages = 0;
  int64_t tokens = 0, created_at = 0;
  bool on_path = false, holds_current = false, leaf = false, reply = false;
};

// `messages`: every branch, parents first. `current`: the leaf of the present path.
std::vector<OutlineRun> outline_of(const std::vector<std::shared_ptr<const session::Message>>& messages, const std::string& current);

class OutlinePanel {
 public:
  void draw(Shell& shell, const ImRect& area);

 private:
  void follow(Shell& shell);
  void draw_row(Shell& shell, size_t index, const ImRect& row);

  std::vector<OutlineRun> runs_;
  std::string session_;
  uint64_t revision_ = 0;
  bool asked_ = false;
};

}  // namespace fabula::gui
