// Where the model computes: the picker of devices, what is free on a GPU, how many layers it takes. Nothing is shown where there is no
// choice.
#pragma once

#include <future>
#include <vector>

#include "app/gui/shell.h"
#include "core/engine/placement.h"

namespace fabula::gui {

class DeviceSection {
 public:
  void draw(Shell& shell, Column& column);

 private:
  void ask(Ui& ui);
  void draw_picker(Shell& shell, Column& column);
  void draw_memory(Shell& shell, Column& column) const;
  void draw_layers(Shell& shell, Column& column) const;

  // Asked off the UI thread: the first question starts the driver.
  std::future<std::vector<engine::Gpu>> answer_;
  std::vector<engine::Gpu> gpus_;
  double asked_at_ = -1;
};

}  // namespace fabula::gui
