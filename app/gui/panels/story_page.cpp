#include "app/gui/panels/story_page.h"

#include <algorithm>
#include <limits>

namespace fabula::gui {
namespace {

// Saved when typing pauses, and from time to time while it goes on.
constexpr double pause_seconds = 0.7, longest_seconds = 2.0, retry_seconds = 5.0;

std::vector<session::PageEdit> page_edits(std::vector<text::PendingEdit> edits) {
  std::vector<session::PageEdit> out;
  out.reserve(edits.size());
  for (auto& edit : edits) out.push_back({edit.begin, std::move(edit.removed), std::move(edit.text)});
  return out;
}

size_t common_prefix(const std::string& a, const std::string& b) {
  return static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace

// ---- what comes from outside

void StoryPage::follow(const Source& source, const std::function<void(Edits)>& flush) {
  if (source.session != session_) open(source.session, flush);
  if (was_generating_ != source.generating) {
    was_generating_ = source.generating;
    wait_for_idle_ = false;
    close_typing();  // a reply is a step of the log behind all that was typed before
  }
  const uint64_t revision = source.view ? source.view->revision : 0;
  const std::string& live_id = source.live ? source.live->message : no_live_;
  const size_t live_bytes = source.live ? source.live->text.size() : 0;
  if (revision == revision_ && live_id == live_id_ && live_bytes == live_bytes_) return;
  if (on_their_way_ || (!source.view && !source.live)) return;  // the page as it was; its answer comes first
  const bool only_grows = revision == revision_ && live_id == live_id_ && live_bytes > live_bytes_ && !parts_.empty();
  if (only_grows) {
    const std::string_view more = std::string_view(source.live->text).substr(live_bytes_);
    editor_.receive(editor_.size_bytes(), editor_.size_bytes(), more);
    saved_ += more;
    parts_.back().size += more.size();
    ++parts_revision_;
  } else {
    std::string text;
    set_parts(source, text);
    adopt(std::move(text));
  }
  revision_ = revision;
  live_id_ = live_id;
  live_bytes_ = live_bytes;
  current_ = source.view ? source.view->current : "";
}

void StoryPage::open(const std::string& session, const std::function<void(Edits)>& flush) {
  if (auto edits = take_edits()) flush(std::move(*edits));
  session_ = session;
  editor_.set_text("");
  saved_.clear();
  parts_.clear();
  pending_.clear();
  since_sent_.clear();
  current_.clear();
  live_id_.clear();
  live_bytes_ = 0;
  revision_ = 0;
  on_their_way_ = wait_for_idle_ = false;
  ++serial_;
  steps_ = 0;
  ++parts_revision_;
}

void StoryPage::set_parts(const Source& source, std::string& text) {
  parts_.clear();
  bool live_placed = !source.live;
  const auto add = [&](const std::string& id, bool own, const std::string& words) {
    parts_.push_back({id, own, words.size()});
    text += words;
  };
  if (source.view) {
    for (const auto& message : source.view->path) {
      const bool live = source.live && source.live->message == message->id;
      live_placed = live_placed || live;
      add(message->id, message->role == session::Role::user, live ? source.live->text : message->text);
    }
  }
  if (!live_placed) add(source.live->message, false, source.live->text);
  ++parts_revision_;
}

// Puts what has changed on the page into the editor, around what was typed meanwhile.
void StoryPage::adopt(std::string text) {
  if (text == saved_) return;
  const size_t from = common_prefix(saved_, text);
  const bool behind_typing = pending_.empty() || from >= pending_.last_end();
  if (behind_typing) {
    size_t same_end = 0;
    if (pending_.empty()) {
      const size_t most = std::min(saved_.size(), text.size()) - from;
      while (same_end < most && saved_[saved_.size() - 1 - same_end] == text[text.size() - 1 - same_end]) ++same_end;
    }
    const auto shift = [this](size_t offset) { return static_cast<size_t>(static_cast<std::ptrdiff_t>(offset) + pending_.growth()); };
    editor_.receive(shift(from), shift(saved_.size() - same_end), std::string_view(text).substr(from, text.size() - same_end - from));
  } else {
    pending_.clear();
    for (const text::PendingEdit& edit : text::difference(text, editor_.text())) {
      pending_.add({edit.begin, edit.removed, edit.text});
    }
  }
  close_typing();
  saved_ = std::move(text);
}

size_t StoryPage::live_begin() const {
  const size_t size = editor_.size_bytes();
  return live_id_.empty() || parts_.empty() ? size : size - std::min(size, parts_.back().size);
}

// ---- what is typed

void StoryPage::note_typing(double now) {
  for (const text::EditorChange& change : editor_.take_changes()) {
    if (pending_.empty() && !on_their_way_) first_change_ = now;
    if (on_their_way_ && since_sent_.empty()) first_change_ = now;
    last_change_ = now;
    pending_.add(change);
    if (on_their_way_) since_sent_.add(change);
  }
}

double StoryPage::due_at() const {
  if (pending_.empty() || on_their_way_ || wait_for_idle_) return std::numeric_limits<double>::infinity();
  return std::max(not_before_, std::min(last_change_ + pause_seconds, first_change_ + longest_seconds));
}

std::optional<StoryPage::Edits> StoryPage::take_edits() {
  if (pending_.empty() || on_their_way_) return std::nullopt;
  auto list = pending_.list([this](size_t begin, size_t end) { return editor_.flow().text(begin, end); });
  if (list.empty()) {
    pending_.clear();
    return std::nullopt;
  }
  sent_ = saved_;
  for (auto edit = list.rbegin(); edit != list.rend(); ++edit) sent_.replace(edit->begin, edit->removed.size(), edit->text);
  since_sent_.clear();
  on_their_way_ = true;
  sent_typing_ = typing_;
  return Edits{session_, current_, page_edits(std::move(list)), serial_};
}

void StoryPage::answered(uint64_t serial, Answer answer, double now) {
  if (serial != serial_ || !on_their_way_) return;  // of a page that was left
  on_their_way_ = false;
  not_before_ = 0;
  switch (answer) {
    case Answer::new_step:
      if (sent_typing_ == typing_) ++steps_;
      [[fallthrough]];
    case Answer::same_step:
      saved_ = std::move(sent_);
      pending_ = std::move(since_sent_);
      break;
    case Answer::busy: wait_for_idle_ = true; break;
    case Answer::failed: not_before_ = now + retry_seconds; break;
  }
  since_sent_ = {};
  revision_ = 0;  // look at the page again
}

void StoryPage::close_typing() {
  editor_.forget_history();
  steps_ = 0;
  ++typing_;
}

bool StoryPage::undo(double now, int& steps) {
  steps = 0;
  if (!editor_.undo()) return false;
  note_typing(now);
  if (editor_.can_undo() || on_their_way_ || was_generating_ || steps_ == 0) return true;
  // All of it is taken back: the session's own steps are undone, so that its log reads as if nothing had been typed.
  steps = std::exchange(steps_, 0);
  sent_ = editor_.text();
  since_sent_.clear();
  on_their_way_ = true;
  sent_typing_ = typing_;
  return true;
}

}  // namespace fabula::gui
