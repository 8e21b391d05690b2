#include "app/gui/text/selection.h"

#include <cmath>

#include "app/gui/text/unicode.h"

namespace fabula::text {

void Selection::set_caret(Caret caret, bool extend) {
  const size_t index = flow_->paragraph_of(std::min(caret.offset, flow_->size_bytes()));
  const size_t base = flow_->paragraph_begin(index);
  const std::string& text = flow_->paragraph_text(index);
  const size_t local = std::min(caret.offset - base, text.size());
  const size_t boundary = floor_grapheme(text, local);
  caret_ = {base + boundary, caret.upstream && boundary == local};
  if (!extend) anchor_ = caret_.offset;
  wanted_x_ = -1;
}

void Selection::select(size_t begin, size_t end) {
  set_caret({begin, false});
  set_caret({end, false}, true);
}

// The next place in the order of the text; at a paragraph's edge that is the neighbouring paragraph.
size_t Selection::step(bool forward, bool word) const {
  const size_t index = flow_->paragraph_of(caret_.offset), base = flow_->paragraph_begin(index);
  const std::string& text = flow_->paragraph_text(index);
  const size_t local = caret_.offset - base;
  if (forward) {
    if (local < text.size()) return base + (word ? next_word(text, local) : next_grapheme(text, local));
    if (index + 1 == flow_->paragraph_count()) return caret_.offset;
    const size_t next = flow_->paragraph_begin(index + 1);
    return word ? next + next_word(flow_->paragraph_text(index + 1), 0) : next;
  }
  if (local > 0) return base + (word ? previous_word(text, local) : previous_grapheme(text, local));
  if (index == 0) return 0;
  const std::string& before = flow_->paragraph_text(index - 1);
  if (word) return flow_->paragraph_begin(index - 1) + previous_word(before, before.size());
  if (flow_->line_feed_after(index - 1)) return base - 1;
  return flow_->paragraph_begin(index - 1) + previous_grapheme(before, before.size());
}

void Selection::horizontal(bool left, bool word, bool extend) {
  // Arrows point on the screen: in a paragraph that runs from right to left, left is forward.
  const bool forward = left == flow_->right_to_left(caret_.offset);
  if (!extend && !empty() && !word) {
    set_caret({forward ? end() : begin(), false});
    return;
  }
  set_caret({step(forward, word), false}, extend);
}

void Selection::vertical(int lines, bool extend) {
  if (!extend && !empty()) set_caret({lines < 0 ? begin() : end(), false});
  const float x = wanted_x_ >= 0 ? wanted_x_ : flow_->caret_rect(caret_).x;
  set_caret(flow_->move_lines(caret_, lines, x), extend);
  wanted_x_ = x;
}

bool Selection::motion(const KeyPress& press, float page_height_px) {
  if (press.alt) return false;
  const float line_px = std::max(1.0f, flow_->style().size_px * flow_->style().line_spacing);
  const int page = std::max(1, static_cast<int>(page_height_px / line_px) - 1);
  switch (press.key) {
    case Key::left: horizontal(true, press.ctrl, press.shift); return true;
    case Key::right: horizontal(false, press.ctrl, press.shift); return true;
    case Key::up: vertical(-1, press.shift); return true;
    case Key::down: vertical(1, press.shift); return true;
    case Key::page_up: vertical(-page, press.shift); return true;
    case Key::page_down: vertical(page, press.shift); return true;
    case Key::home: set_caret(press.ctrl ? Caret{} : flow_->line_begin(caret_), press.shift); return true;
    case Key::end:
      set_caret(press.ctrl ? Caret{flow_->size_bytes(), false} : flow_->line_end(caret_), press.shift);
      return true;
    case Key::a:
      if (!press.ctrl) return false;
      select_all();
      return true;
    default: return false;
  }
}

void Selection::mouse_down(Point point, int clicks, bool shift) {
  const Caret caret = flow_->hit(point);
  unit_ = std::clamp(clicks, 1, 3);
  if (unit_ == 1) {
    set_caret(caret, shift);
    return;
  }
  const auto [begin, end] = unit_around(caret.offset);
  unit_begin_ = begin, unit_end_ = end;
  select(begin, end);
}

void Selection::mouse_drag(Point point) {
  const Caret caret = flow_->hit(point);
  if (unit_ == 1) {
    set_caret(caret, true);
    return;
  }
  const auto [begin, end] =
      unit_around(caret.offset);  // whole words or paragraphs, on both sides of the first
  if (begin < unit_begin_) {
    anchor_ = unit_end_;
    set_caret({begin, false}, true);
  } else {
    anchor_ = unit_begin_;
    set_caret({std::max(end, unit_end_), false}, true);
  }
}

std::pair<size_t, size_t> Selection::unit_around(size_t offset) const {
  const size_t index = flow_->paragraph_of(offset), base = flow_->paragraph_begin(index);
  const std::string& text = flow_->paragraph_text(index);
  if (unit_ == 3) return {base, base + text.size()};
  const WordRange word = word_around(text, offset - base);
  return {base + word.begin, base + word.end};
}

}  // namespace fabula::text
