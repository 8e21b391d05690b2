// A block of text that is read: laid out once, selectable, copied with Ctrl+C. A message of the transcript
// is one or several.
// Thread: the UI thread alone.
#pragma once

#include <string>
#include <string_view>

#include "app/gui/text/input.h"
#include "app/gui/text/selection.h"
#include "app/gui/text/text_flow.h"

namespace fabula::text {

class TextView {
 public:
  explicit TextView(TextEngine& engine) : flow_(engine), selection_(flow_) {}
  TextView(TextView&& other) noexcept : flow_(std::move(other.flow_)), selection_(other.selection_) {
    selection_.rebind(flow_);
  }

  TextFlow& flow() { return flow_; }
  const TextFlow& flow() const { return flow_; }
  Selection& selection() { return selection_; }

  // A text that begins as the old one did is appended to: only the last paragraph is shaped again.
  void set_text(std::string_view text);
  void set_style(const FlowStyle& style) { flow_.set_style(style); }
  // Height for a width; cheap when nothing has changed. The whole text is laid out when it is short (under
  // 256 KiB).
  float height(float width_px);

  // `origin` is the block's corner on the screen.
  void draw(ImDrawList& list, Point origin, float clip_top, float clip_bottom, Colour text, Colour selection);

  // Ctrl+C, Ctrl+A and motions with Shift. true: the key was used.
  bool key(const KeyPress& press, Clipboard& clipboard);
  void copy(Clipboard& clipboard) const { clipboard.set(selection_.text()); }

 private:
  TextFlow flow_;
  Selection selection_;
};

}  // namespace fabula::text
