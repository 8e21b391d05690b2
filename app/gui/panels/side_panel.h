// The right side: model, reply settings, system prompt, throughput.
#pragma once

#include "app/gui/panels/context_section.h"
#include "app/gui/panels/device_section.h"
#include "app/gui/panels/model_picker.h"
#include "app/gui/panels/reply_section.h"
#include "app/gui/panels/system_section.h"
#include "app/gui/panels/throughput_section.h"
#include "app/gui/shell.h"

namespace fabula::gui {

class SidePanel {
 public:
  explicit SidePanel(text::TextEngine& engine) : picker_(engine), reply_(engine), system_(engine) {}
  void draw(Shell& shell, const ImRect& area);

 private:
  void follow_session(Shell& shell);
  bool heading(Shell& shell, Column& column, const char* id, const char* key, bool& open);
  void draw_model(Shell& shell, Column& column);
  void draw_model_state(Shell& shell, Column& column);
  void draw_running(Shell& shell, Column& column);
  void draw_context(Shell& shell, Column& column);

  ModelPicker picker_;
  DeviceSection device_;
  ReplySection reply_;
  SystemSection system_;
  ContextSection context_;
  ThroughputSection throughput_;
  std::string session_;
  uint64_t revision_ = 0;
  int mode_ = -1;
  bool open_model_ = true, open_reply_ = true, open_system_ = false, open_throughput_ = true, open_context_ = false;
};

}  // namespace fabula::gui
