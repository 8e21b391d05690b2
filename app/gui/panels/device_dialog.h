// "Continue on the CPU": asked when a GPU could not load the model, or was lost while it ran.
#pragma once

#include <string>

#include "app/gui/shell.h"

namespace fabula::gui {

class DeviceDialog {
 public:
  void draw(Shell& shell);  // opens by itself, once for each failure

 private:
  std::string shown_;  // the failure that was asked about
};

}  // namespace fabula::gui
