// Selecting in a flow by mouse and keys: shared by what can be read and what can be written.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "app/gui/text/input.h"
#include "app/gui/text/text_flow.h"

namespace fabula::text {

// The caret and where the selection began. anchor == caret: nothing is selected.
class Selection {
 public:
  explicit Selection(TextFlow& flow) : flow_(&flow) {}

  Caret caret() const { return caret_; }
  size_t anchor() const { return anchor_; }
  size_t begin() const { return std::min(anchor_, caret_.offset); }
  size_t end() const { return std::max(anchor_, caret_.offset); }
  bool empty() const { return anchor_ == caret_.offset; }
  std::string text() const { return flow_->text(begin(), end()); }

  void set_caret(Caret caret, bool extend = false);  // moved to a grapheme boundary
  void select(size_t begin, size_t end);
  void select_all() { select(0, flow_->size_bytes()); }
  void rebind(TextFlow& flow) { flow_ = &flow; }

  // Arrows, Home, End, Page Up and Down with Ctrl and Shift, Ctrl+A. false: not a motion.
  bool motion(const KeyPress& press, float page_height_px);

  // Where one grapheme or word forward or backward ends.
  size_t step(bool forward, bool word) const;

  // clicks: 1 places the caret, 2 takes the word, 3 the paragraph. shift extends.
  void mouse_down(Point point, int clicks, bool shift);
  void mouse_drag(Point point);

 private:
  void horizontal(bool left, bool word, bool extend);
  void vertical(int lines, bool extend);
  std::pair<size_t, size_t> unit_around(size_t offset) const;

  TextFlow* flow_;
  Caret caret_;
  size_t anchor_ = 0;
  float wanted_x_ = -1;  // kept while moving up and down; < 0: none yet
  int unit_ = 1;         // of the drag: characters, words, paragraphs
  size_t unit_begin_ = 0, unit_end_ = 0;
};

}  // namespace fabula::text
