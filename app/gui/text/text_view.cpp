#include "app/gui/text/text_view.h"

namespace fabula::text {

namespace {

constexpr size_t short_text_bytes = size_t{256} << 10;  // laid out in about 50 ms, once

}  // namespace

void TextView::set_text(std::string_view text) {
  const size_t old_size = flow_.size_bytes();
  if (text.size() >= old_size) {
    size_t at = 0;
    for (size_t i = 0; i < flow_.paragraph_count(); ++i) {
      const std::string& paragraph = flow_.paragraph_text(i);
      if (text.substr(at, paragraph.size()) != paragraph) break;
      at += paragraph.size();
      if (at == old_size) {
        if (text.size() > at) flow_.append(text.substr(at));
        return;
      }
      if (!flow_.line_feed_after(i)) continue;
      if (text[at] != '\n') break;
      ++at;
    }
  }
  flow_.set_text(text);
  selection_.set_caret({});
}

float TextView::height(float width_px) {
  flow_.set_width(width_px);
  if (flow_.size_bytes() < short_text_bytes) flow_.layout_missing();
  return flow_.height();
}

void TextView::draw(ImDrawList& list, Point origin, float clip_top, float clip_bottom, Colour text,
                    Colour selection) {
  flow_.draw(list, origin, clip_top, clip_bottom, {text, selection, selection_.begin(), selection_.end()});
}

bool TextView::key(const KeyPress& press, Clipboard& clipboard) {
  if (press.ctrl && press.key == Key::c) {
    if (!selection_.empty()) copy(clipboard);
    return true;
  }
  if (press.ctrl && press.key == Key::a) return selection_.motion(press, 0);
  return press.shift && selection_.motion(press, 0);
}

}  // namespace fabula::text
