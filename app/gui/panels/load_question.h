// Asked before a model is loaded that the free memory may not hold: what it takes, what would fit, and to load it anyway.
#pragma once

#include <optional>
#include <string>

#include "app/gui/fit_desk.h"
#include "app/gui/shell.h"

namespace fabula::gui {

// Loads it, or asks first where what it takes in memory is more than what is free.
void choose_model(Shell& shell, const std::string& path);

class LoadQuestion {
 public:
  void draw(Shell& shell);

 private:
  void judge(Shell& shell);
  void draw_answers(Shell& shell, const FitReport& report, Column& column);

  std::string path_;                 // "": nothing is asked
  std::optional<FitReport> report_;  // none: on its way, some hundredths of a second
};

}  // namespace fabula::gui
