// The multi-line editor: composer, story page, rename field. Input is separate from drawing, so that tests
// drive it headless. All offsets are bytes of UTF-8, always between grapheme clusters. Ill-formed input
// becomes U+FFFD on its way in.
// Non-goals: rich text; marks (provenance and the like) are paint only.
// Thread: the UI thread alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/gui/text/input.h"
#include "app/gui/text/selection.h"
#include "app/gui/text/text_flow.h"

namespace fabula::text {

// One change, as the story page wants to hear of it: [begin, begin + removed) became `inserted`.
struct EditorChange {
  size_t begin = 0;
  std::string removed;
  std::string inserted;
};

class Editor {
 public:
  explicit Editor(TextEngine& engine);

  // ---- text
  std::string text() const { return flow_.text(); }
  size_t size_bytes() const { return flow_.size_bytes(); }
  bool empty() const { return flow_.empty(); }
  void set_text(std::string_view text);  // a new document: undo is forgotten, the caret stands at the end
  void append(std::string_view text);  // from outside (a streaming reply); not an undo step; the caret stays
  // A change from outside (an undone generation, another window): taken as it is, told to nobody, and what was
  // typed before can no longer be undone unless the change is behind all of it. The caret stays with its words.
  void receive(size_t begin, size_t end, std::string_view with);
  void forget_history() { history_.clear(), undone_ = 0; }
  void replace(size_t begin, size_t end, std::string_view with);  // one undo step; read-only ranges refuse
  // The same words in many places, one undo step. Places are sorted and disjoint.
  void replace_all(const std::vector<std::pair<size_t, size_t>>& places, std::string_view with);
  uint64_t revision() const { return revision_; }                 // grows with every change
  // Changes since the last call, oldest first (typing, paste, undo, redo; not set_text and append).
  std::vector<EditorChange> take_changes();

  // ---- input
  void character(char32_t c);  // committed text; control characters are ignored
  void insert(std::string_view text);
  // true: the key was used. Enter inserts a new line (submit keys are the caller's, before calling this).
  bool key(const KeyPress& press, Clipboard& clipboard);
  void mouse_down(Point point, int clicks, bool shift) {
    break_group(), selection_.mouse_down(point, clicks, shift);
  }
  void mouse_drag(Point point) { selection_.mouse_drag(point); }
  void set_page_height(float pixels) { page_height_ = pixels; }

  // ---- scrolling (edit_box keeps it; the story page may ask for a place)
  float scroll() const { return scroll_; }
  void set_scroll(float pixels) { scroll_ = pixels; }
  void reveal_caret() { reveal_ = true; }  // scroll at the next drawing so that the caret is seen
  bool take_reveal() { return std::exchange(reveal_, false); }

  // ---- selection and undo
  Selection& selection() { return selection_; }
  const Selection& selection() const { return selection_; }
  bool can_undo() const { return undone_ < history_.size(); }
  bool can_redo() const { return undone_ > 0; }
  bool undo();
  bool redo();

  // ---- marks
  // Ranges that no input may change. Kept in step with edits before them.
  void set_read_only(bool all) { read_only_ = all; }
  bool read_only() const { return read_only_; }
  void set_read_only_ranges(std::vector<std::pair<size_t, size_t>> ranges) {
    read_only_ranges_ = std::move(ranges);
  }
  // Marks follow the text through edits and come back with undo (provenance). Text typed inside one is not
  // part of it.
  void set_marks(std::vector<PaintSpan> marks);
  const std::vector<PaintSpan>& marks() const { return marks_; }
  // Highlights are painted over the marks and vanish at the next edit (search hits).
  void set_highlights(std::vector<PaintSpan> spans);
  void set_single_line(bool on) { single_line_ = on; }  // new lines become spaces

  TextFlow& flow() { return flow_; }
  const TextFlow& flow() const { return flow_; }

 private:
  struct Step {
    size_t begin = 0;
    std::string removed, inserted;
    std::vector<PaintSpan> marks_before;  // of the text that was removed, relative to begin
    std::vector<PaintSpan> marks_after;   // of the text that was inserted; known once the step is undone
    size_t caret_before = 0, anchor_before = 0;
    bool open = false;  // further typing may join
    bool joined = false;  // undone and redone with the step before it
  };

  bool allowed(size_t begin, size_t end) const;
  void undo_step();
  void redo_step();
  void apply(size_t begin, size_t end, std::string_view with, const std::vector<PaintSpan>& marks);
  bool edit(size_t begin, size_t end, std::string_view with, bool typing);
  bool joins(const Step& step, size_t begin, size_t end, std::string_view with) const;
  void break_group();
  void erase(bool forward, bool word);
  void place_caret(size_t offset);
  std::vector<PaintSpan> marks_in(size_t begin, size_t end) const;
  void repaint();
  std::string clean(std::string_view text) const;

  TextFlow flow_;
  Selection selection_;
  std::vector<Step> history_;
  size_t undone_ = 0;  // steps at the end of history_ that redo would bring back
  std::vector<PaintSpan> marks_, highlights_;
  std::vector<std::pair<size_t, size_t>> read_only_ranges_;
  std::vector<EditorChange> changes_;
  uint64_t revision_ = 0;
  float page_height_ = 400;
  float scroll_ = 0;
  bool reveal_ = false;
  bool read_only_ = false;
  bool single_line_ = false;
};

}  // namespace fabula::text
