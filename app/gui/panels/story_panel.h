// A story: one flowing page, edited in place. The person's own words and the model's are told apart by a tint; beside each
// passage stand the buttons of its message.
#pragma once

#include <vector>

#include "app/gui/panels/alternatives.h"
#include "app/gui/panels/find_bar.h"
#include "app/gui/panels/story_page.h"
#include "app/gui/shell.h"
#include "app/gui/ui/scrollbar.h"

namespace fabula::gui {

class StoryPanel {
 public:
  explicit StoryPanel(text::TextEngine& engine) : page_(engine), find_(engine) {}
  void draw(Shell& shell, const ImRect& area);
  void draw_blank(Shell& shell, const ImRect& area);  // an empty page that nobody writes on: others draw there
  void flush(Shell& shell);  // hands on what was typed: before anything else happens to the session, and at the end
  bool undo(Shell& shell);   // of typing; false: there is none to take back
  bool redo(Shell& shell);
  bool can_undo() const { return page_.can_undo(); }
  bool can_redo() const { return page_.can_redo(); }
  bool empty() const { return page_.editor().empty(); }
  bool focused() const { return focused_ || take_focus_; }
  void take_focus() { take_focus_ = true; }
  size_t words() const { return words_; }

 private:
  struct Passage {  // a part of the page that can be seen
    size_t number = 0, begin = 0, end = 0;  // bytes of the editor's text
    ImRect box, buttons;
  };
  void follow(Shell& shell);
  void send(Shell& shell, StoryPage::Edits edits, bool select);
  void paint(Shell& shell);
  void count_words(Shell& shell);
  void go_on_when_saved(Shell& shell);
  void put_caret_behind(size_t part);
  void hold_keys(Shell& shell);
  void draw_find(Shell& shell, const ImRect& area);
  void find_again(Shell& shell, bool from_caret);
  void go_to_hit(size_t index);
  void paint_hits(Shell& shell);
  void draw_text(Shell& shell, const ImRect& area);
  std::vector<Passage> passages_in_view(Shell& shell, const ImRect& area);
  void draw_margins(Shell& shell, const ImRect& area);
  void draw_spinner_at_end(Shell& shell);
  void draw_alternatives(Shell& shell, const ImRect& area);

  StoryPage page_;
  FindBar find_;
  Alternatives alternatives_;
  std::vector<std::pair<size_t, size_t>> hits_;  // of the words looked for, in the editor's text
  size_t hit_ = 0;
  uint64_t searched_ = 0;
  Scrollbar scrollbar_;
  std::vector<text::InputEvent> held_;  // typed at the end of a reply that is being stopped
  ImVec2 text_at_;                      // where the text's top left stands on the screen
  float width_ = 0, most_ = 0;          // of the text column; the largest scroll position
  uint64_t painted_ = 0, counted_ = 0;
  size_t painted_bytes_ = 0, words_ = 0, hovered_ = SIZE_MAX;
  double count_at_ = 0;
  bool dark_ = false, at_end_ = true, jump_ = false, take_focus_ = false, focused_ = false;
};

}  // namespace fabula::gui
