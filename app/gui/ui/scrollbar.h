// The thin bar at the right edge of what scrolls.
#pragma once

#include "app/gui/ui/ui.h"

namespace fabula::gui {

class Scrollbar {
 public:
  // Draws it along the right edge of `area`; a drag moves `top` (pixels hidden above). true: it was moved.
  bool draw(Ui& ui, const char* id, const ImRect& area, float total, float& top);

 private:
  float grab_ = -1;  // where in the thumb the mouse took it; < 0: it has not
};

}  // namespace fabula::gui
