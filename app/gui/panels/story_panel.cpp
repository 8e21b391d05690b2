#include "app/gui/panels/story_panel.h"

#include <algorithm>
#include <cmath>

#include "app/gui/panels/jump_button.h"
#include "app/gui/panels/message_row.h"
#include "app/gui/text/search.h"

namespace fabula::gui {
namespace {

constexpr float max_page_dp = 700, margin_dp = 54, pad_dp = 8;
constexpr double count_delay_seconds = 0.25;

size_t words_in(std::string_view text) {  // runs between white space; each CJK character counts as one
  size_t n = 0;
  bool in_word = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == ' ' || c == '\n' || c == '\t') {
      in_word = false;
    } else if (c >= 0xE3 && c <= 0xE9) {
      ++n, in_word = false, i += 2;
    } else if (!in_word) {
      ++n, in_word = true;
    }
  }
  return n;
}

bool edits_text(const text::InputEvent& event) {
  if (event.is_character) return true;
  const auto key = event.key.key;
  if (event.key.ctrl) return key == text::Key::v || key == text::Key::x;
  return key == text::Key::backspace || key == text::Key::del || key == text::Key::enter;
}

}  // namespace

// ---- what was typed

void StoryPanel::send(Shell& shell, StoryPage::Edits edits, bool select) {
  const auto then = [this, &shell, serial = edits.serial](Result<bool> made) {
    using Answer = StoryPage::Answer;
    const bool busy = !made && made.error().code == ErrorCode::busy;
    if (!made && !busy) shell.controller.say(session::Notice::Kind::error, made.error().message);
    page_.answered(serial, made ? (*made ? Answer::new_step : Answer::same_step) : busy ? Answer::busy : Answer::failed, shell.ui.now());
  };
  if (edits.session.empty()) {
    shell.controller.begin_story(std::move(edits.edits), select, [this](const std::string& id) { page_.created(id); }, then);
  } else {
    shell.controller.edit_page(edits.session, edits.current, std::move(edits.edits), then);
  }
}

void StoryPanel::flush(Shell& shell) {
  page_.note_typing(shell.ui.now());
  if (auto edits = page_.take_edits()) send(shell, std::move(*edits), true);
}

bool StoryPanel::undo(Shell& shell) {
  int steps = 0;
  page_.note_typing(shell.ui.now());
  if (!page_.undo(shell.ui.now(), steps)) return false;
  if (steps > 0) {
    shell.controller.undo_page_edits(page_.session(), steps, [this, &shell, serial = page_.serial()](Result<bool> undone) {
      const bool all = undone && *undone;
      page_.answered(serial, all ? StoryPage::Answer::same_step : StoryPage::Answer::failed, shell.ui.now());
    });
  }
  return true;
}

bool StoryPanel::redo(Shell& shell) {
  if (!page_.redo()) return false;
  page_.note_typing(shell.ui.now());
  return true;
}

void StoryPanel::follow(Shell& shell) {
  const Frame& frame = shell.controller.frame();
  const bool same_session = page_.session() == shell.controller.current();
  text::Editor& editor = page_.editor();
  const bool caret_at_end = !editor.empty() && editor.selection().empty() && editor.selection().caret().offset == editor.size_bytes();
  const size_t bytes = editor.size_bytes();
  page_.follow({shell.controller.current(), frame.view, frame.live, shell.controller.generating()},
               [&](StoryPage::Edits edits) { send(shell, std::move(edits), false); });
  if (!same_session) {
    at_end_ = true;
    hovered_ = SIZE_MAX;
    held_.clear();
  }
  // Who stands at the end stays at the end while the model writes, to go on from there.
  if ((caret_at_end || !same_session) && editor.size_bytes() != bytes) editor.selection().set_caret({editor.size_bytes()});
}

// Typing where the model is writing stops it first; the keys wait for that moment.
void StoryPanel::hold_keys(Shell& shell) {
  Ui& ui = shell.ui;
  if (!shell.controller.generating()) {
    if (held_.empty()) return;
    auto later = ui.input.take();
    for (const auto& event : held_) ui.input.put_back(event);
    for (const auto& event : later) ui.input.put_back(event);
    held_.clear();
    page_.editor().selection().set_caret({page_.editor().size_bytes()});
    return;
  }
  const auto& selection = page_.editor().selection();
  if (!focused_ || (held_.empty() && selection.end() < page_.live_begin())) return;
  auto events = ui.input.take();
  if (held_.empty() && std::none_of(events.begin(), events.end(), edits_text)) {
    for (const auto& event : events) ui.input.put_back(event);
    return;
  }
  if (held_.empty()) shell.controller.stop();
  held_.insert(held_.end(), events.begin(), events.end());
}

// Ctrl+Enter on a page whose words are not in a session yet.
void StoryPanel::go_on_when_saved(Shell& shell) {
  if (!shell.ask.continue_page) return;
  const auto& view = shell.controller.frame().view;
  if (page_.unsaved() || !view || view->path.empty()) return shell.ui.wake_at(shell.ui.now() + 0.05);
  shell.ask.continue_page = false;
  shell.controller.continue_reply();
}

// ---- finding

void StoryPanel::find_again(Shell& shell, bool from_caret) {
  text::Editor& editor = page_.editor();
  searched_ = editor.revision();
  hits_ = text::find_all(editor.text(), find_.words(), 10000, find_.match_case());
  if (from_caret) {
    const size_t caret = editor.selection().begin();
    hit_ = static_cast<size_t>(std::find_if(hits_.begin(), hits_.end(), [&](const auto& h) { return h.first >= caret; }) - hits_.begin());
  }
  if (hit_ >= hits_.size()) hit_ = 0;
  paint_hits(shell);
}

void StoryPanel::paint_hits(Shell& shell) {
  const Palette& c = shell.ui.color();
  std::vector<text::PaintSpan> spans;
  spans.reserve(hits_.size());
  for (size_t i = 0; i < hits_.size(); ++i) {
    spans.push_back({.begin = hits_[i].first, .end = hits_[i].second, .background = i == hit_ ? c.found_now : c.found});
  }
  page_.editor().set_highlights(std::move(spans));
}

void StoryPanel::go_to_hit(size_t index) {
  if (hits_.empty()) return;
  hit_ = index % hits_.size();
  page_.editor().selection().select(hits_[hit_].first, hits_[hit_].second);
  page_.editor().reveal_caret();
  at_end_ = false;
}

void StoryPanel::draw_find(Shell& shell, const ImRect& area) {
  text::Editor& editor = page_.editor();
  if (std::exchange(shell.ask.find, false)) {
    std::string words = editor.selection().text();
    if (words.find('\n') != std::string::npos || words.size() > 200) words.clear();
    find_.open(words);
    find_again(shell, true);
  }
  if (std::exchange(shell.ask.close_find, false) && find_.is_open()) {
    find_.close();
    editor.set_highlights({});
    take_focus_ = true;
  }
  shell.find_open = find_.is_open();
  if (!find_.is_open()) return;
  if (searched_ != editor.revision()) find_again(shell, false);
  const FindBar::Act act = find_.draw(shell, area, true, hit_, hits_.size());
  switch (act) {
    case FindBar::Act::none: return;
    case FindBar::Act::changed:
      find_again(shell, true);
      go_to_hit(hit_);
      break;
    case FindBar::Act::next: go_to_hit(hit_ + 1); break;
    case FindBar::Act::previous: go_to_hit(hit_ + std::max<size_t>(hits_.size(), 1) - 1); break;
    case FindBar::Act::replace:
      if (hits_.empty()) return;
      editor.replace(hits_[hit_].first, hits_[hit_].second, find_.replacement());
      page_.note_typing(shell.ui.now());
      find_again(shell, true);
      go_to_hit(hit_);
      break;
    case FindBar::Act::replace_all:
      editor.replace_all(hits_, find_.replacement());
      page_.note_typing(shell.ui.now());
      find_again(shell, true);
      break;
    case FindBar::Act::closed:
      editor.set_highlights({});
      take_focus_ = true;
      return;
  }
  paint_hits(shell);
  shell.ui.wake_at(shell.ui.now());
}

// ---- drawing

// Marks follow the words through edits; they are made anew when the page is the session's again.
void StoryPanel::paint(Shell& shell) {
  const Palette& c = shell.ui.color();
  text::Editor& editor = page_.editor();
  if (painted_ == page_.parts_revision() && dark_ == shell.ui.theme.dark) return;
  std::vector<text::PaintSpan> marks;
  size_t at = 0;
  if (page_.unsaved() && dark_ == shell.ui.theme.dark) {
    marks = editor.marks();
    if (editor.size_bytes() > painted_bytes_ && page_.live_begin() < editor.size_bytes()) {  // a reply has grown
      const auto tag = static_cast<uint32_t>(page_.parts().size());
      marks.push_back({.begin = std::max(painted_bytes_, page_.live_begin()), .end = editor.size_bytes(), .colour = c.text, .tag = tag});
    }
  } else if (!page_.unsaved()) {
    for (size_t i = 0; i < page_.parts().size(); ++i) {
      const StoryPage::Part& part = page_.parts()[i];
      marks.push_back({.begin = at, .end = at + part.size, .colour = part.own ? c.own_tint : c.text, .tag = static_cast<uint32_t>(i + 1)});
      at += part.size;
    }
  } else {
    marks = editor.marks();
    for (auto& mark : marks) mark.colour = mark.tag > 0 && mark.tag <= page_.parts().size() && page_.parts()[mark.tag - 1].own ? c.own_tint : c.text;
  }
  editor.set_marks(std::move(marks));
  painted_ = page_.parts_revision();
  painted_bytes_ = editor.size_bytes();
  dark_ = shell.ui.theme.dark;
}

void StoryPanel::count_words(Shell& shell) {
  Ui& ui = shell.ui;
  if (counted_ == page_.editor().revision()) return;
  if (ui.now() < count_at_) return ui.wake_at(count_at_);
  counted_ = page_.editor().revision();
  count_at_ = ui.now() + count_delay_seconds;
  words_ = words_in(page_.editor().text());
}

void StoryPanel::draw_blank(Shell& shell, const ImRect& area) {
  follow(shell);
  shell.ui.record("story.page", shell.ui.tr("story.page"), area);
  if (shell.ui.focused() == "story.page" && shell.ui.focus_visible()) take_focus_ = true;
}

void StoryPanel::put_caret_behind(size_t part) {
  size_t end = 0;
  for (size_t i = 0; i <= part && i < page_.parts().size(); ++i) end += page_.parts()[i].size;
  page_.editor().selection().set_caret({std::min(end, page_.editor().size_bytes())});
  page_.editor().reveal_caret();
  at_end_ = false;
}

void StoryPanel::draw(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  follow(shell);
  go_on_when_saved(shell);
  if (std::exchange(shell.ask.jump_to_end, false)) jump_ = true;
  if (!shell.ask.edit_message.empty()) {  // the pencil: the caret goes there
    const auto& parts = page_.parts();
    const auto found = std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p.id == shell.ask.edit_message; });
    if (found != parts.end()) {
      put_caret_behind(static_cast<size_t>(found - parts.begin()));
      take_focus_ = true;
    }
    shell.ask.edit_message.clear();
  }
  if (const auto place = take_revealed(shell)) put_caret_behind(*place);
  hold_keys(shell);
  ImRect page = area;
  page.Min.y += find_.height(ui, true);  // the bar hides nothing
  ImGui::SetCursorScreenPos(page.Min);
  if (ImGui::BeginChild("page", page.GetSize(), false, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse)) {
    draw_text(shell, page);
    draw_margins(shell, page);
    if (shell.controller.generating()) draw_spinner_at_end(shell);
    float top = page_.editor().scroll();
    if (scrollbar_.draw(ui, "scroll", page, most_ + page.GetHeight(), top)) {
      page_.editor().set_scroll(top);
      at_end_ = top >= most_ - 1;
    }
  }
  ImGui::EndChild();
  draw_find(shell, area);
  if (!at_end_ && draw_jump_button(shell, page)) jump_ = true;
  draw_alternatives(shell, page);
  count_words(shell);
  if (ui.now() >= page_.due_at()) {
    flush(shell);
  } else {
    ui.wake_at(page_.due_at());
  }
}

void StoryPanel::draw_text(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  text::Editor& editor = page_.editor();
  const float pad = ui.px(pad_dp);
  width_ = std::floor(std::min(area.GetWidth() - ui.px(2 * margin_dp), ui.px(max_page_dp)));
  const ImVec2 at(std::floor(area.Min.x + (area.GetWidth() - width_) / 2), area.Min.y);
  text::EditBox look{.size_px = ui.px(type::story), .line_spacing = 1.7f, .paragraph_spacing_px = ui.px(6), .text = ui.color().own_tint,
                     .placeholder_colour = ui.color().text_faint, .selection = ui.color().selection, .caret = ui.color().accent,
                     .placeholder = focused_ ? std::string_view(ui.tr("story.page_hint")) : std::string_view(), .padding = pad, .max_lines = 0, .above_px = ui.px(20), .below_px = ui.px(48), .scrollbar = false};
  look.font.family = text::FontFamily::serif;
  look.take_focus = std::exchange(take_focus_, false) || (ui.focused() == "story.page" && ui.focus_visible() && !focused_);
  if (at_end_ || std::exchange(jump_, false)) {
    at_end_ = true;
    editor.set_scroll(std::max(0.0f, most_));
  }
  paint(shell);
  ImGui::SetCursorScreenPos(ImVec2(at.x - pad, at.y));
  const auto result = text::edit_box(ui.engine, "story.page", editor, ui.input, ui.clipboard, look, ImVec2(width_ + 2 * pad, area.GetHeight()));
  focused_ = result.focused;
  if (focused_) ui.focus("story.page");
  if (result.animating || (result.changed && at_end_)) ui.wake_at(ui.now());
  ui.record("story.page", ui.tr("story.page"), ImRect(at.x - pad, area.Min.y, at.x + width_ + pad, area.Max.y), true, focused_);
  page_.note_typing(ui.now());
  const float wheel = ImGui::GetIO().MouseWheel;
  if (wheel != 0 && ui.hovers(area)) editor.set_scroll(std::clamp(editor.scroll() - wheel * ui.px(84), 0.0f, most_));
  // The page follows the words while its end is in view; scrolling up lets go.
  const float most = std::max(0.0f, look.above_px + editor.flow().height() + look.below_px - (area.GetHeight() - 2 * pad));
  at_end_ = editor.scroll() >= std::min(most, most_) - look.below_px - ui.px(4);
  if (at_end_ && (std::abs(most - most_) > 0.5f || editor.scroll() < most - 1)) ui.wake_at(ui.now());
  most_ = most;
  text_at_ = ImVec2(at.x, at.y + pad + look.above_px - editor.scroll());
}

void StoryPanel::draw_spinner_at_end(Shell& shell) {
  Ui& ui = shell.ui;
  const auto caret = page_.editor().flow().caret_rect({page_.editor().size_bytes()});
  const double turns = ui.now() * 0.9;
  draw_spinner(ui.list(), ImVec2(text_at_.x + caret.x + ui.px(14), text_at_.y + caret.y + caret.height / 2), ui.px(5.5f),
               static_cast<float>(turns - std::floor(turns)), ui.color().accent);
  ui.wake_at(ui.now() + 1.0 / 20);
}

// What else could have stood where the mouse is. Not while the page is ahead of its session: its places would be others.
void StoryPanel::draw_alternatives(Shell& shell, const ImRect& area) {
  text::TextFlow& flow = page_.editor().flow();
  const auto& view = shell.controller.frame().view;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  Alternatives::Passage passage;
  const uint32_t tag = page_.unsaved() || !view ? 0 : flow.tag_at({mouse.x - text_at_.x, mouse.y - text_at_.y});
  if (tag > 0 && tag <= view->path.size() && tag <= page_.parts().size() && page_.parts()[tag - 1].id == view->path[tag - 1]->id) {
    passage.message = view->path[tag - 1];
    for (uint32_t part = 0; part + 1 < tag; ++part) passage.begin += page_.parts()[part].size;
  }
  alternatives_.draw(shell, flow, text_at_, area, passage);
}

// One's own passages have their buttons in the left margin, the model's in the right one, at the passage's first line in view.
std::vector<StoryPanel::Passage> StoryPanel::passages_in_view(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  std::vector<Passage> out;
  const auto& view = shell.controller.frame().view;
  text::TextFlow& flow = page_.editor().flow();
  if (!view || flow.empty()) return out;
  const size_t first = flow.hit({0, area.Min.y - text_at_.y}).offset, last = flow.hit({width_, area.Max.y - text_at_.y}).offset;
  for (const text::PaintSpan& mark : page_.editor().marks()) {
    const size_t number = mark.tag - 1;
    if (mark.tag == 0 || mark.begin == mark.end || mark.end < first || mark.begin > last || number >= view->path.size()) continue;
    if (number < page_.parts().size() && page_.parts()[number].id != view->path[number]->id) continue;  // the page is ahead
    if (!out.empty() && out.back().number == number) {
      out.back().end = mark.end;
    } else {
      out.push_back({number, mark.begin, mark.end, {}, {}});
    }
  }
  for (Passage& p : out) {
    const auto from = flow.caret_rect({p.begin}), to = flow.caret_rect({p.end, true});
    const bool one_line = to.y < from.y + from.height / 2;
    p.box = ImRect(text_at_.x + (one_line ? from.x : 0), text_at_.y + from.y, text_at_.x + (one_line ? to.x : width_), text_at_.y + to.y + to.height);
    const session::Message* message = view->path[p.number].get();
    const float length = message_row_length(ui, {p.number, message, p.number + 1 == view->path.size(), false, false, true});
    const float x = message->role == session::Role::user ? text_at_.x - ui.px(44) : text_at_.x + width_ + ui.px(14);
    const float y = std::max(std::min(std::max(p.box.Min.y, area.Min.y + ui.px(8)), area.Max.y - length - ui.px(8)), area.Min.y + ui.px(8));
    p.buttons = ImRect(x, y, x + ui.px(28), y + length);
  }
  return out;
}

// The buttons of the passage under the mouse are shown; the others are only recorded, and appear where the mouse comes to them.
void StoryPanel::draw_margins(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  const auto passages = passages_in_view(shell, area);
  if (passages.empty()) return;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const size_t before = hovered_;
  const auto shown = std::find_if(passages.begin(), passages.end(), [this](const Passage& p) { return p.number == hovered_; });
  if (!ui.hovers(area)) {
    hovered_ = SIZE_MAX;
  } else if (mouse.x >= text_at_.x && mouse.x < text_at_.x + width_) {
    const uint32_t tag = page_.editor().flow().tag_at({mouse.x - text_at_.x, mouse.y - text_at_.y});
    if (tag > 0) hovered_ = tag - 1;
  } else if (shown == passages.end() || !ui.hovers(shown->buttons)) {
    for (const Passage& p : passages) {
      if (!ui.hovers(p.buttons)) continue;
      hovered_ = p.number;
      if (mouse.y >= p.box.Min.y && mouse.y < p.box.Max.y) break;
    }
  }
  if (hovered_ != before) ui.wake_at(ui.now());
  const auto& path = shell.controller.frame().view->path;
  const bool generating = shell.controller.generating();
  for (const Passage& p : passages) {
    const bool is_last = p.number + 1 == path.size();
    const bool visible = p.number == hovered_ || (hovered_ == SIZE_MAX && is_last);
    ui.mention("message." + std::to_string(p.number), page_.editor().flow().text(p.begin, std::min(p.end, p.begin + 200)), p.box);
    if (p.number == hovered_ && passages.size() > 1) {
      const bool own = path[p.number]->role == session::Role::user;
      const float x = own ? text_at_.x - ui.px(12) : text_at_.x + width_ + ui.px(10);
      ui.fill(ImRect(x, std::max(p.box.Min.y, area.Min.y) + ui.px(4), x + ui.px(2), std::min(p.box.Max.y, area.Max.y) - ui.px(4)), ui.color().outline, 1);
    }
    draw_message_row(shell, {p.number, path[p.number].get(), is_last, visible, generating, true}, p.buttons.Min);
  }
}

}  // namespace fabula::gui
