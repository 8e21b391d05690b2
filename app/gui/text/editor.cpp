#include "app/gui/text/editor.h"

#include <algorithm>

#include "app/gui/text/spans.h"
#include "app/gui/text/unicode.h"
#include "core/base/utf8.h"

namespace fabula::text {

namespace {

constexpr size_t max_steps = 10000;

// Neighbours that look alike and touch become one span: an edit that is undone leaves no seam.
void merge_touching(std::vector<PaintSpan>& spans) {
  std::vector<PaintSpan> out;
  out.reserve(spans.size());
  for (const PaintSpan& span : spans) {
    if (span.begin >= span.end) continue;
    if (!out.empty() && out.back().end == span.begin) {
      PaintSpan joined = out.back();
      joined.begin = span.begin, joined.end = span.end;
      if (joined == span) {
        out.back().end = span.end;
        continue;
      }
    }
    out.push_back(span);
  }
  spans = std::move(out);
}

void add_sorted(std::vector<PaintSpan>& spans, const std::vector<PaintSpan>& more, size_t offset) {
  for (PaintSpan span : more) {
    span.begin += offset, span.end += offset;
    const auto at = std::upper_bound(spans.begin(), spans.end(), span.begin,
                                     [](size_t value, const PaintSpan& s) { return value < s.begin; });
    spans.insert(at, span);
  }
}

}  // namespace

Editor::Editor(TextEngine& engine) : flow_(engine), selection_(flow_) {}

std::string Editor::clean(std::string_view text) const {
  const std::string valid = replace_invalid_utf8(text);
  std::string out;
  out.reserve(valid.size());
  for (size_t i = 0; i < valid.size(); ++i) {
    char c = valid[i];
    if (c == '\r') {
      if (i + 1 < valid.size() && valid[i + 1] == '\n') continue;
      c = '\n';
    }
    if (c == '\n' && single_line_) c = ' ';
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') continue;
    if (c != 0x7F) out += c;
  }
  return out;
}

void Editor::set_text(std::string_view text) {
  history_.clear();
  undone_ = 0;
  marks_.clear();
  highlights_.clear();
  read_only_ranges_.clear();
  changes_.clear();
  flow_.set_text(clean(text));
  selection_.set_caret({flow_.size_bytes(), false});
  reveal_ = true;
  ++revision_;
}

void Editor::append(std::string_view text) {
  break_group();
  flow_.append(clean(text));
  highlights_.clear();
  repaint();
  ++revision_;
}

void Editor::receive(size_t begin, size_t end, std::string_view with) {
  break_group();
  if (begin < size_bytes()) forget_history();
  const auto moved = [&](size_t offset) {
    if (offset <= begin) return offset;
    return offset >= end ? offset - end + begin + with.size() : begin + with.size();
  };
  const size_t anchor = moved(selection_.anchor()), caret = moved(selection_.caret().offset);
  flow_.replace(begin, end, with);
  shift_spans(marks_, begin, end, with.size(), false);
  merge_touching(marks_);
  highlights_.clear();
  selection_.select(anchor, caret);
  repaint();
  ++revision_;
}

void Editor::replace(size_t begin, size_t end, std::string_view with) {
  break_group();
  edit(std::min(begin, size_bytes()), std::min(end, size_bytes()), clean(with), false);
}

void Editor::replace_all(const std::vector<std::pair<size_t, size_t>>& places, std::string_view with) {
  break_group();
  const std::string words = clean(with);
  bool joined = false;
  for (auto place = places.rbegin(); place != places.rend(); ++place) {  // from the end: offsets before it hold
    if (!edit(place->first, place->second, words, false)) continue;
    history_.back().joined = joined;
    joined = true;
  }
}

std::vector<EditorChange> Editor::take_changes() {
  return std::exchange(changes_, {});
}

// ---- input

void Editor::character(char32_t c) {
  if (c < 0x20 || c == 0x7F || (c >= 0x80 && c < 0xA0)) return;
  std::string text;
  append_utf8(text, c);
  edit(selection_.begin(), selection_.end(), text, true);
}

void Editor::insert(std::string_view text) {
  break_group();
  edit(selection_.begin(), selection_.end(), clean(text), false);
}

bool Editor::key(const KeyPress& press, Clipboard& clipboard) {
  if (press.alt) return false;
  if (press.ctrl) {
    switch (press.key) {
      case Key::z: press.shift ? redo() : undo(); return true;
      case Key::y: redo(); return true;
      case Key::c:
      case Key::x:
        if (selection_.empty()) return true;
        clipboard.set(selection_.text());
        if (press.key == Key::x) replace(selection_.begin(), selection_.end(), {});
        return true;
      case Key::v: insert(clipboard.get()); return true;
      default: break;
    }
  }
  switch (press.key) {
    case Key::backspace: erase(false, press.ctrl); return true;
    case Key::del: erase(true, press.ctrl); return true;
    case Key::enter:
      if (single_line_) return false;
      edit(selection_.begin(), selection_.end(), "\n", true);
      return true;
    default: break;
  }
  if (!selection_.motion(press, page_height_)) return false;
  break_group();
  reveal_ = true;
  return true;
}

void Editor::erase(bool forward, bool word) {
  if (selection_.empty()) {
    const size_t end = selection_.step(forward, word), caret = selection_.caret().offset;
    if (end != caret) edit(std::min(end, caret), std::max(end, caret), {}, !word);
  } else {
    replace(selection_.begin(), selection_.end(), {});
  }
}

// ---- editing

bool Editor::allowed(size_t begin, size_t end) const {
  if (read_only_) return false;
  return std::none_of(read_only_ranges_.begin(), read_only_ranges_.end(), [&](const auto& range) {
    return begin == end ? begin > range.first && begin < range.second
                        : begin < range.second && end > range.first;
  });
}

void Editor::break_group() {
  if (!history_.empty()) history_.back().open = false;
}

// Typing joins the step before it word by word; so do repeated Backspace and Delete.
bool Editor::joins(const Step& step, size_t begin, size_t end, std::string_view with) const {
  if (!step.open || undone_ > 0) return false;
  if (!with.empty()) {
    if (begin != end || begin != step.begin + step.inserted.size() || step.inserted.empty()) return false;
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\n'; };
    return step.inserted.back() != '\n' && !(is_space(step.inserted.back()) && !is_space(with.front()));
  }
  return step.inserted.empty() && (end == step.begin || begin == step.begin);
}

bool Editor::edit(size_t begin, size_t end, std::string_view with, bool typing) {
  if (begin == end && with.empty()) return false;
  if (!allowed(begin, end)) return false;
  const std::string removed = flow_.text(begin, end);
  std::vector<PaintSpan> marks = marks_in(begin, end);
  if (!history_.empty() && typing && joins(history_.back(), begin, end, with)) {
    Step& step = history_.back();
    if (!with.empty()) {
      step.inserted += with;
    } else if (end == step.begin) {  // Backspace
      for (PaintSpan& span : step.marks_before) span.begin += removed.size(), span.end += removed.size();
      add_sorted(step.marks_before, marks, 0);
      step.removed = removed + step.removed;
      step.begin = begin;
    } else {  // Delete
      add_sorted(step.marks_before, marks, step.removed.size());
      step.removed += removed;
    }
  } else {
    history_.resize(history_.size() - std::exchange(undone_, 0));
    if (history_.size() >= max_steps) history_.erase(history_.begin());
    history_.push_back({begin,
                        removed,
                        std::string(with),
                        std::move(marks),
                        {},
                        selection_.caret().offset,
                        selection_.anchor(),
                        typing,
                        false});
  }
  apply(begin, end, with, {});
  place_caret(begin + with.size());
  return true;
}

// Behind the grapheme that the offset lies in: new text may have joined what follows it.
void Editor::place_caret(size_t offset) {
  selection_.set_caret({offset, false});
  if (selection_.caret().offset != offset) selection_.set_caret({selection_.step(true, false), false});
  reveal_ = true;
}

void Editor::apply(size_t begin, size_t end, std::string_view with, const std::vector<PaintSpan>& marks) {
  changes_.push_back({begin, flow_.text(begin, end), std::string(with)});
  flow_.replace(begin, end, with);
  shift_spans(marks_, begin, end, with.size(), false);
  add_sorted(marks_, marks, begin);
  merge_touching(marks_);
  for (auto& [from, to] : read_only_ranges_)
    if (from >= end) {
      from = from - end + begin + with.size();
      to = to - end + begin + with.size();
    }
  highlights_.clear();
  repaint();
  ++revision_;
}

bool Editor::undo() {
  if (!can_undo() || read_only_) return false;
  break_group();
  bool joined = true;
  while (joined && can_undo()) {
    undo_step();
    joined = history_[history_.size() - undone_].joined;
  }
  return true;
}

void Editor::undo_step() {
  ++undone_;
  Step& step = history_[history_.size() - undone_];
  step.marks_after = marks_in(step.begin, step.begin + step.inserted.size());
  apply(step.begin, step.begin + step.inserted.size(), step.removed, step.marks_before);
  selection_.select(step.anchor_before, step.caret_before);
  reveal_ = true;
}

bool Editor::redo() {
  if (!can_redo() || read_only_) return false;
  redo_step();
  while (can_redo() && history_[history_.size() - undone_].joined) redo_step();
  return true;
}

void Editor::redo_step() {
  const Step& step = history_[history_.size() - undone_];
  --undone_;
  apply(step.begin, step.begin + step.removed.size(), step.inserted, step.marks_after);
  place_caret(step.begin + step.inserted.size());
}

// ---- marks

std::vector<PaintSpan> Editor::marks_in(size_t begin, size_t end) const {
  std::vector<PaintSpan> out;
  for (const PaintSpan& mark : marks_) {
    PaintSpan part = mark;
    part.begin = std::max(mark.begin, begin), part.end = std::min(mark.end, end);
    if (part.begin >= part.end) continue;
    part.begin -= begin, part.end -= begin;
    out.push_back(part);
  }
  return out;
}

void Editor::set_marks(std::vector<PaintSpan> marks) {
  marks_ = std::move(marks);
  merge_touching(marks_);
  repaint();
}

void Editor::set_highlights(std::vector<PaintSpan> spans) {
  highlights_ = std::move(spans);
  repaint();
}

void Editor::repaint() {
  std::vector<PaintSpan> spans = marks_;
  spans.insert(spans.end(), highlights_.begin(), highlights_.end());
  flow_.set_paint_spans(std::move(spans));
}

}  // namespace fabula::text
