// The document behind the story panel: one text to edit, and beside it the page as the session has it. What is typed shows at
// once and is handed on as edits after a moment; what comes from outside (a reply as it is written, an undone step, another
// client) is put in where it changed. Nothing typed is ever thrown away: where both changed, the typed page wins and the
// other one stays in the log.
// Thread: the UI thread alone; no drawing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/gui/text/editor.h"
#include "app/gui/text/pending_edits.h"
#include "core/session/page.h"
#include "core/session/service.h"

namespace fabula::gui {

class StoryPage {
 public:
  explicit StoryPage(text::TextEngine& engine) : editor_(engine) {}

  struct Source {  // of one frame
    std::string session;  // "": a page that is not a session yet
    std::shared_ptr<const session::SessionView> view;
    std::shared_ptr<const session::LiveReply> live;
    bool generating = false;
  };
  struct Part {  // of the page as the session has it
    std::string id;
    bool own = false;
    size_t size = 0;  // bytes
  };
  struct Edits {  // to be made in the session; exactly one answered() follows
    std::string session;  // "": make it first
    std::string current;  // the leaf of the page that they belong to
    std::vector<session::PageEdit> edits;
    uint64_t serial = 0;  // for answered()
  };

  text::Editor& editor() { return editor_; }
  const text::Editor& editor() const { return editor_; }
  const std::vector<Part>& parts() const { return parts_; }
  uint64_t parts_revision() const { return parts_revision_; }  // grows when the parts, or who wrote them, change
  const std::string& session() const { return session_; }

  // Every frame: takes in what has changed outside. `flush` gets the edits of a session that is being left.
  void follow(const Source& source, const std::function<void(Edits)>& flush);
  bool unsaved() const { return !pending_.empty() || on_their_way_; }
  // After the editor has had its input: notes what was typed.
  void note_typing(double now_seconds);
  // When edits are to be saved by themselves; infinity: there are none.
  double due_at() const;
  // What was typed since the last time; none: nothing was, or the last ones are still on their way.
  std::optional<Edits> take_edits();
  enum class Answer { new_step, same_step, busy, failed };
  void answered(uint64_t serial, Answer answer, double now_seconds);
  uint64_t serial() const { return serial_; }
  void created(const std::string& session) { session_ = session; }  // the page's session, made for its first words

  // Where a reply that is being written begins in the editor; the text's end where none is.
  size_t live_begin() const;

  // A reply or another step follows: what was typed can be undone only through the session's log from here on.
  void close_typing();
  // Takes one edit of the person's back. Where that was the first of them, `steps` says how many steps of the session's log are
  // to be undone instead of being followed by their reverse; answered(serial(), same_step) is due then.
  bool undo(double now_seconds, int& steps);
  bool redo() { return editor_.redo(); }
  bool can_undo() const { return editor_.can_undo(); }
  bool can_redo() const { return editor_.can_redo(); }

 private:
  void open(const std::string& session, const std::function<void(Edits)>& flush);
  void set_parts(const Source& source, std::string& text);
  void adopt(std::string text);

  text::Editor editor_;
  std::string session_, current_;
  std::string saved_;  // the page that the pending edits belong to
  std::string sent_;   // the page as it is once the edits on their way are made
  std::vector<Part> parts_;
  text::PendingEdits pending_, since_sent_;
  bool on_their_way_ = false;
  bool wait_for_idle_ = false, was_generating_ = false;
  int steps_ = 0;  // of the session's log that the editor's history stands for
  uint64_t serial_ = 1, typing_ = 0, sent_typing_ = 0;
  double first_change_ = 0, last_change_ = 0, not_before_ = 0;
  uint64_t revision_ = 0, parts_revision_ = 0;  // 0: not taken in yet
  std::string live_id_;
  size_t live_bytes_ = 0;
  const std::string no_live_;
};

}  // namespace fabula::gui
