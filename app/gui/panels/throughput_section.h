// The part of the right panel that shows how fast the model reads and writes, what memory it takes, and how busy each worker is.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "app/gui/shell.h"

namespace fabula::gui {

class ThroughputSection {
 public:
  void sample(Shell& shell);  // once a frame, also while the section is folded
  void draw(Shell& shell, Column& column);

 private:
  struct Sample {
    float decode = 0, prefill = 0;  // tokens per second; 0: none
  };
  void add(Sample sample);
  void take_short_reply(Shell& shell);
  void draw_plot(Shell& shell, const ImRect& box);
  void draw_curve(Ui& ui, const ImRect& inner, float Sample::*rate, ImU32 color, bool filled);
  void draw_numbers(Shell& shell, Column& column);
  void draw_workers(Shell& shell, Column& column);
  void ask_memory(Shell& shell);

  std::deque<Sample> samples_;     // one each 100 ms of work, newest last
  std::string sampled_model_;      // path: another model, another scale
  double sampled_at_ = 0;
  int64_t written_ = 0, read_ = 0;
  std::string last_reply_;         // whose own numbers are in the plot, or were sampled while it was written
  bool sampled_since_reply_ = false;
  std::shared_ptr<uint64_t> resident_bytes_ = std::make_shared<uint64_t>(0);  // of the process
  double memory_asked_at_ = -1e9;
};

}  // namespace fabula::gui
