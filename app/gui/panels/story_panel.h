// A story: one flowing page. The person's own words and the model's are told apart by a tint; a passage is one message.
#pragma once

#include <vector>

#include "app/gui/shell.h"
#include "app/gui/text/editor.h"
#include "app/gui/text/text_view.h"

namespace fabula::gui {

class StoryPanel {
 public:
  explicit StoryPanel(text::TextEngine& engine) : page_(engine), editor_(engine) {}
  void draw(Shell& shell, const ImRect& area);
  size_t words() const { return words_; }

 private:
  struct Passage {
    size_t begin = 0, end = 0;  // bytes on the page
    bool own = false;
  };
  void collect(Shell& shell);
  void paint(Shell& shell);
  void draw_page(Shell& shell, const ImRect& area, float width);
  struct Margin {  // a passage in view and where its buttons stand
    size_t number = 0;
    ImRect passage, buttons;
  };
  std::vector<Margin> margins_in_view(Shell& shell, ImVec2 page_at, float page_width, const ImRect& view);
  void draw_margins(Shell& shell, ImVec2 page_at, float page_width, const ImRect& view);
  void draw_editing(Shell& shell);
  void draw_jump(Shell& shell, const ImRect& area);

  text::TextView page_;
  text::Editor editor_;
  std::vector<Passage> passages_;
  std::string session_, editing_, text_;
  uint64_t revision_ = 0;
  size_t live_bytes_ = 0, words_ = 0;
  bool dark_ = false, at_end_ = true, jump_ = false, take_focus_ = false, open_editing_ = false;
  size_t hovered_ = SIZE_MAX, painted_hover_ = SIZE_MAX;
};

}  // namespace fabula::gui
