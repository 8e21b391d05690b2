// Asked before a model is loaded that the free memory may not hold: what it takes, what would fit, and to load it anyway.
#pragma once

#include "app/gui/shell.h"

namespace fabula::gui {

// Loads it, or asks first where its files alone are larger than what is free. bytes: 0 where not known.
void choose_model(Shell& shell, const std::string& path, uint64_t bytes);

class LoadQuestion {
 public:
  void draw(Shell& shell);

 private:
  void draw_answers(Shell& shell, const FitReport& report, Column& column);
  std::string path_;
};

}  // namespace fabula::gui
