// Where words are written: Enter sends, Shift+Enter makes a new line, Esc stops. Send turns into Stop while a reply comes.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "app/gui/panels/attachments.h"
#include "app/gui/shell.h"
#include "app/gui/text/editor.h"

namespace fabula::gui {

class ComposerPanel {
 public:
  explicit ComposerPanel(text::TextEngine& engine) : editor_(engine) {}
  float height(const Ui& ui) const { return text_height_ + files_.height(ui) + ui.px(62); }  // of the last frame's text
  void draw(Shell& shell, const ImRect& area);
  void set_text(std::string_view text) { editor_.set_text(text); }
  bool empty() const { return editor_.empty(); }
  std::string text() const { return editor_.text(); }
  bool focused() const { return focused_; }
  void submit(Shell& shell);  // what Enter does
  void save_draft(Shell& shell);  // now, where it has changed: something else may be shown next

 private:
  void follow_session(Shell& shell);
  void draw_button(Shell& shell, const ImRect& box);
  bool may_send(const Shell& shell) const;

  void draw_attach(Shell& shell, const ImRect& box);

  // What waits beside the page that is shown: files everywhere; words only where no session keeps them.
  struct PutAway {
    std::string words;
    Attachments files;
  };
  using Page = std::pair<session::Mode, std::string>;  // "": of no session yet

  text::Editor editor_;
  Attachments files_;
  Page page_;
  std::map<Page, PutAway> put_away_;
  bool adopted_ = true;        // the session's draft has been read
  uint64_t saved_revision_ = 0;  // of the editor; 0: nothing of it is saved
  double save_at_ = 0;
  float text_height_ = 40;
  bool focused_ = false, want_focus_ = true;
};

}  // namespace fabula::gui
