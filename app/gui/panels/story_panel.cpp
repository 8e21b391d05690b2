#include "app/gui/panels/story_panel.h"

#include <algorithm>
#include <cmath>

#include "app/gui/panels/message_row.h"

namespace fabula::gui {
namespace {

constexpr float max_page_dp = 700, margin_dp = 44;

size_t count_words(std::string_view text) {  // runs between white space; each CJK character counts as one
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

}  // namespace

void StoryPanel::collect(Shell& shell) {
  const Frame& frame = shell.controller.frame();
  const size_t live_bytes = frame.live ? frame.live->text.size() + 1 : 0;
  const uint64_t revision = frame.view ? frame.view->revision : 0;
  const bool same_session = session_ == shell.controller.current();
  if (same_session && revision == revision_ && live_bytes == live_bytes_ && dark_ == shell.ui.theme.dark && hovered_ == painted_hover_) return;
  if (!same_session) at_end_ = true;
  session_ = shell.controller.current();
  revision_ = revision;
  live_bytes_ = live_bytes;
  text_.clear();
  passages_.clear();
  bool live_placed = !frame.live;
  if (frame.view) {
    for (const auto& message : frame.view->path) {
      const bool live = frame.live && frame.live->message == message->id;
      live_placed = live_placed || live;
      const size_t begin = text_.size();
      text_ += live ? frame.live->text : message->text;
      passages_.push_back({begin, text_.size(), message->role == session::Role::user});
    }
  }
  if (!live_placed) {
    const size_t begin = text_.size();
    text_ += frame.live->text;
    passages_.push_back({begin, text_.size(), false});
  }
  page_.set_text(text_);
  words_ = count_words(text_);
  paint(shell);
}

void StoryPanel::paint(Shell& shell) {
  dark_ = shell.ui.theme.dark;
  painted_hover_ = hovered_;
  std::vector<text::PaintSpan> spans;
  spans.reserve(passages_.size());
  for (size_t i = 0; i < passages_.size(); ++i) {
    const Passage& p = passages_[i];
    text::PaintSpan span{.begin = p.begin, .end = p.end};
    if (p.own) span.colour = shell.ui.color().own_tint;
    if (i == hovered_ && passages_.size() > 1) span.background = shell.ui.color().hover;
    span.tag = static_cast<uint32_t>(i + 1);
    spans.push_back(span);
  }
  page_.flow().set_paint_spans(std::move(spans));
}

void StoryPanel::draw(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  if (session_ != shell.controller.current()) editing_.clear(), hovered_ = SIZE_MAX;
  collect(shell);
  if (std::exchange(shell.ask.jump_to_end, false)) jump_ = true;
  if (const auto& view = shell.controller.frame().view; view && !shell.ask.edit_message.empty()) {
    const auto found = std::find_if(view->path.begin(), view->path.end(), [&](const auto& m) { return m->id == shell.ask.edit_message; });
    if (found != view->path.end()) {
      editing_ = (*found)->id;
      editor_.set_text((*found)->text);
      take_focus_ = open_editing_ = true;
    }
    shell.ask.edit_message.clear();
  }
  const float margins = ui.px(2 * margin_dp);
  draw_page(shell, area, std::floor(std::min(area.GetWidth() - margins, ui.px(max_page_dp))));
  draw_jump(shell, area);
  draw_editing(shell);
}

void StoryPanel::draw_page(Shell& shell, const ImRect& area, float width) {
  Ui& ui = shell.ui;
  text::FlowStyle style;
  style.font.family = text::FontFamily::serif;
  style.size_px = ui.px(type::story);
  style.line_spacing = 1.7f;
  style.paragraph_spacing_px = ui.px(6);
  page_.set_style(style);
  ImGui::SetCursorScreenPos(area.Min);
  if (ImGui::BeginChild("page", area.GetSize())) {
    const float top_pad = ui.px(28), bottom_pad = ui.px(48);
    const ImVec2 start = ImGui::GetCursorScreenPos();
    const ImVec2 at(std::floor(area.Min.x + (area.GetWidth() - width) / 2), start.y + top_pad);
    const float height = page_.height(width);
    ImGui::SetCursorScreenPos(at);
    const auto result = text::view_box(ui.engine, "text", page_, ui.input, ui.clipboard, width, ui.color().text, ui.color().selection);
    ImGui::SetCursorScreenPos(start);
    ImGui::Dummy(ImVec2(1, top_pad + height + bottom_pad));
    draw_margins(shell, at, width, area);
    const bool generating = shell.controller.generating();
    if (result.hovered_tag > 0) {
      if (hovered_ != result.hovered_tag - 1) ui.wake_at(ui.now());
      hovered_ = result.hovered_tag - 1;
    } else if (!ui.hovers(area)) {
      hovered_ = SIZE_MAX;
    }
    const auto& view = shell.controller.frame().view;
    if (result.clicked && result.clicked_tag > 0 && view && !generating && result.clicked_tag < view->path.size()) {
      open_rollback_question(shell, view->path[result.clicked_tag - 1]->id);
    }
    if (generating) {
      const auto caret = page_.flow().caret_rect({page_.flow().size_bytes()});
      const double turns = ui.now() * 0.9;
      draw_spinner(ui.list(), ImVec2(at.x + caret.x + ui.px(14), at.y + caret.y + caret.height / 2), ui.px(5.5f), static_cast<float>(turns - std::floor(turns)),
                   ui.color().accent);
      ui.wake_at(ui.now() + 1.0 / 20);
    }
    // The page follows the words while its end is in view; scrolling up lets go.
    const float most = top_pad + height + bottom_pad - area.GetHeight();
    if (ImGui::GetIO().MouseWheel > 0 && ui.hovers(area)) {
      at_end_ = false;
    } else if (ImGui::GetScrollY() >= most - ui.px(24)) {
      at_end_ = true;
    } else if (ImGui::GetIO().MouseDown[0] && !generating) {
      at_end_ = false;
    }
    if (std::exchange(jump_, false)) at_end_ = true;
    if (at_end_ && ImGui::GetScrollY() < most) ImGui::SetScrollY(std::max(most, 0.0f));
  }
  ImGui::EndChild();
}

// One's own passages have their buttons in the left margin, the model's in the right one, at the passage's first line in view.
std::vector<StoryPanel::Margin> StoryPanel::margins_in_view(Shell& shell, ImVec2 page_at, float page_width, const ImRect& view) {
  Ui& ui = shell.ui;
  std::vector<Margin> out;
  const auto& path = shell.controller.frame().view->path;
  const size_t first = page_.flow().hit({0, view.Min.y - page_at.y}).offset, last = page_.flow().hit({page_width, view.Max.y - page_at.y}).offset;
  for (size_t i = 0; i < passages_.size() && i < path.size(); ++i) {
    const Passage& p = passages_[i];
    if (p.end < first || p.begin > last || p.begin == p.end) continue;
    const auto from = page_.flow().caret_rect({p.begin}), to = page_.flow().caret_rect({p.end, true});
    const bool one_line = to.y < from.y + from.height / 2;
    const ImRect passage(page_at.x + (one_line ? from.x : 0), page_at.y + from.y, page_at.x + (one_line ? to.x : page_width), page_at.y + to.y + to.height);
    const float length = message_row_length(ui, {i, path[i].get(), i + 1 == passages_.size(), false, false, true});
    const float x = p.own ? page_at.x - ui.px(40) : page_at.x + page_width + ui.px(12);
    const float y = std::max(std::min(std::max(passage.Min.y, view.Min.y + ui.px(8)), view.Max.y - length - ui.px(8)), view.Min.y + ui.px(8));
    out.push_back({i, passage, ImRect(x, y, x + ui.px(28), y + length)});
  }
  return out;
}

// The buttons of the passage under the mouse are shown; the others are only recorded, and appear where the mouse comes to them.
void StoryPanel::draw_margins(Shell& shell, ImVec2 page_at, float page_width, const ImRect& view) {
  Ui& ui = shell.ui;
  const auto& session = shell.controller.frame().view;
  if (!session || passages_.empty() || page_.flow().empty()) return;
  const auto margins = margins_in_view(shell, page_at, page_width, view);
  const auto shown = std::find_if(margins.begin(), margins.end(), [this](const Margin& m) { return m.number == hovered_; });
  const float mouse_y = ImGui::GetIO().MousePos.y;
  if (shown == margins.end() || !ui.hovers(shown->buttons)) {
    for (const Margin& m : margins) {
      if (!ui.hovers(m.buttons)) continue;
      hovered_ = m.number;
      if (mouse_y >= m.passage.Min.y && mouse_y < m.passage.Max.y) break;
    }
  }
  const bool generating = shell.controller.generating();
  for (const Margin& m : margins) {
    const Passage& p = passages_[m.number];
    ui.record("message." + std::to_string(m.number), std::string_view(text_).substr(p.begin, std::min<size_t>(p.end - p.begin, 200)), m.passage);
    const bool is_last = m.number + 1 == passages_.size();
    const bool visible = m.number == hovered_ || (hovered_ == SIZE_MAX && is_last);
    draw_message_row(shell, {m.number, session->path[m.number].get(), is_last, visible, generating, true}, m.buttons.Min);
  }
}

void StoryPanel::draw_editing(Shell& shell) {
  Ui& ui = shell.ui;
  if (editing_.empty()) return;
  if (std::exchange(open_editing_, false)) ImGui::OpenPopup("edit.passage");
  if (!ui.begin_dialog("edit.passage", ui.tr("edit.passage"), 680, 440)) {
    editing_.clear();
    return;
  }
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, bottom = ImGui::GetWindowPos().y + ImGui::GetWindowSize().y - ui.px(18), button = ui.px(34);
  text::EditBox look{.size_px = ui.px(type::prose), .padding = ui.px(10), .max_lines = 0};
  look.take_focus = std::exchange(take_focus_, false);
  const auto result = ui.field("edit.input", ui.tr("edit.passage"), editor_, ImRect(start.x, start.y, start.x + width, bottom - button - ui.px(12)), look);
  const float save_width = ui.button_width(ui.tr("edit.save"), false), cancel_width = ui.button_width(ui.tr("action.cancel"), false);
  const ImRect save_box(start.x + width - save_width, bottom - button, start.x + width, bottom);
  const ImRect cancel_box(save_box.Min.x - ui.px(8) - cancel_width, save_box.Min.y, save_box.Min.x - ui.px(8), save_box.Max.y);
  ui.text_in(ImRect(start.x, save_box.Min.y, cancel_box.Min.x, save_box.Max.y), ui.tr("edit.kept"), {.size = type::small, .color = ui.color().text_faint}, 0);
  const bool cancel = ui.button("edit.cancel", ui.tr("action.cancel"), cancel_box) || result.escaped;
  const bool saved = ui.button("edit.save", ui.tr("edit.save"), save_box, {.kind = ButtonKind::primary, .enabled = !editor_.empty()}) ||
                     (result.submitted && !editor_.empty());
  if (saved) shell.controller.edit(editing_, editor_.text(), false);
  if (saved || cancel) ImGui::CloseCurrentPopup();
  ui.end_dialog();
}

void StoryPanel::draw_jump(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  if (at_end_) return;
  const float size = ui.px(34), x = area.GetCenter().x - size / 2, y = area.Max.y - size - ui.px(9);
  const ImRect box(x, y, x + size, y + size);
  ImGui::SetCursorScreenPos(box.Min);
  if (ImGui::BeginChild("jump", box.GetSize(), false, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoBackground)) {
    const Hit hit = ui.interact("transcript.latest", ui.tr("chat.latest"), box, true, 17);
    ui.fill(box, ui.color().raised, 17);
    ui.stroke(box, hit.hovered ? ui.color().outline : ui.color().border, 17);
    ui.icon(Icon::arrow_down, box, 16, ui.color().text);
    if (hit.hovered) ui.tooltip(box, ui.tr("chat.latest"));
    if (hit.clicked) jump_ = true;
  }
  ImGui::EndChild();
}

}  // namespace fabula::gui
