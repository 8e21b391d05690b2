// One row of a panel: a list of presets to take from, and a way to keep what is set as a new one.
#pragma once

#include <string>
#include <vector>

#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class PresetRow {
 public:
  struct Entry {
    std::string name;
    bool own = false;
  };
  struct Result {
    enum class Act { none, take, save, remove } act = Act::none;
    size_t index = 0;   // of take and remove
    std::string name;   // of save
  };
  explicit PresetRow(text::TextEngine& engine) : name_(engine) { name_.set_single_line(true); }
  // current: the preset that equals what is set, -1 for none.
  Result draw(Shell& shell, Column& column, const std::string& id, const std::vector<Entry>& entries, int current);

 private:
  Result draw_naming(Shell& shell, const ImRect& row, const std::string& id);
  text::Editor name_;
  bool naming_ = false, take_focus_ = false;
};

}  // namespace fabula::gui
