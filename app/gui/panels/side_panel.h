// The right side: model, reply settings, system prompt, throughput.
#pragma once

#include <deque>

#include "app/gui/panels/model_picker.h"
#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class SidePanel {
 public:
  explicit SidePanel(text::TextEngine& engine) : system_(engine), stop_(engine), seed_(engine), picker_(engine) {
    stop_.set_single_line(true);
    seed_.set_single_line(true);
  }
  void draw(Shell& shell, const ImRect& area);

 private:
  void follow_session(Shell& shell);
  bool heading(Shell& shell, Column& column, const char* id, const char* key, bool& open);
  void draw_model(Shell& shell, Column& column);
  void draw_model_state(Shell& shell, Column& column);
  void draw_running(Shell& shell, Column& column);
  void draw_reply(Shell& shell, Column& column);
  void draw_system(Shell& shell, Column& column);
  void draw_throughput(Shell& shell, Column& column);
  void draw_plot(Shell& shell, const ImRect& box);
  void sample(Shell& shell);

  text::Editor system_, stop_, seed_;
  ModelPicker picker_;
  session::SessionSettings reply_;       // as shown; posted when the mouse lets go
  std::string session_, system_saved_;
  uint64_t revision_ = 0;
  int mode_ = -1;
  bool reply_changed_ = false;
  bool open_model_ = true, open_reply_ = true, open_system_ = false, open_throughput_ = true;
  bool system_focused_ = false;
  std::deque<float> decode_rates_;       // tokens per second, one sample each 100 ms of generation
  std::string sampled_model_;            // path
  double sampled_at_ = 0;
  int64_t sampled_tokens_ = 0;
};

}  // namespace fabula::gui
