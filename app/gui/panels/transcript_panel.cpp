#include "app/gui/panels/transcript_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "app/gui/panels/jump_button.h"
#include "app/gui/panels/markdown_message.h"
#include "app/gui/panels/message_row.h"
#include "app/gui/text/search.h"

namespace fabula::gui {
namespace {

using session::Message;
using session::Role;

constexpr float max_column_dp = 760, header_dp = 24, footer_dp = 34, gap_dp = 12, bubble_pad_dp = 12;
constexpr size_t max_blocks = 400;

std::string stats_line(const Strings& tr, const session::Message& m) {
  const auto& s = m.stats;
  if (!s.remote.empty()) {  // what its server told, and whose words they are
    const std::string by = shown_model_name(s.remote);
    return s.generated_tokens > 0 ? by + " · " + tr.format("stats.tokens_told", {std::to_string(s.generated_tokens)}) : by;
  }
  if (s.generated_tokens == 0) return "";
  std::string line = tr.format("stats.tokens", {std::to_string(s.generated_tokens)});
  if (s.decode_seconds > 0) line += " · " + tr.format("stats.rate", {short_number(static_cast<double>(s.generated_tokens) / s.decode_seconds)});
  if (s.first_token_seconds > 0) line += " · " + tr.format("stats.first", {fmt::format("{:.2f}", s.first_token_seconds)});
  if (s.reused_tokens > 0) line += " · " + tr.format("stats.reused", {std::to_string(s.reused_tokens)});
  return line;
}

}  // namespace

void TranscriptPanel::collect(Shell& shell) {
  items_.clear();
  const Frame& frame = shell.controller.frame();
  if (!frame.view) return;
  bool live_placed = !frame.live;
  for (const auto& message : frame.view->path) {
    const bool live = frame.live && frame.live->message == message->id;
    live_placed = live_placed || live;
    const std::string_view text = live ? std::string_view(frame.live->text) : std::string_view(message->text);
    const bool blank = text.find_first_not_of(" \t\r\n") == std::string_view::npos;  // shows nothing: it is drawn as what says nothing
    items_.push_back({message.get(), message->id, blank ? std::string_view() : text, message->role, live});
  }
  if (!live_placed) items_.push_back({nullptr, frame.live->message, frame.live->text, Role::assistant, true});
}

void TranscriptPanel::draw(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  ++serial_;
  const float column = std::min(area.GetWidth() - ui.px(2 * space::xl), ui.px(max_column_dp));
  const std::string& session = shell.controller.current();
  if (session != session_) {
    session_ = session;
    editing_.clear();
    rows_.reset();
  }
  if (column != column_ || ui.scale() != scale_) {
    column_ = column;
    scale_ = ui.scale();
    rows_.forget_heights(ui.px(120));
  }
  collect(shell);
  if (!shell.ask.edit_message.empty()) {
    const auto found = std::find_if(items_.begin(), items_.end(), [&](const Item& i) { return i.id == shell.ask.edit_message; });
    if (found != items_.end()) {
      editing_ = found->id;
      editor_.set_text(found->text);
      take_focus_ = true;
    }
    shell.ask.edit_message.clear();
  }
  rows_.set_count(items_.size(), ui.px(120));
  if (std::exchange(shell.ask.jump_to_end, false)) rows_.jump_to_end();
  if (const auto place = take_revealed(shell); place && *place < items_.size()) rows_.reveal(*place);
  ImGui::SetCursorScreenPos(area.Min);
  if (ImGui::BeginChild("transcript", area.GetSize(), false, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse)) {
    const float wheel = ImGui::GetIO().MouseWheel;
    if (wheel != 0 && ui.hovers(area)) rows_.scroll_by(-wheel * ui.px(90));
    ImRect inner = area;
    inner.Min.y += ui.px(space::l);
    inner.Min.y += find_.height(ui, false);
    const auto placed = rows_.layout(inner.GetHeight(), [&](size_t i) { return measure(shell, i); });
    for (const auto& p : placed) draw_item(shell, p, inner);
    float top = rows_.at_end() ? rows_.total() - area.GetHeight() : rows_.top();
    if (scrollbar_.draw(ui, "scroll", area, rows_.total(), top)) rows_.scroll_to(top);
  }
  ImGui::EndChild();
  draw_find(shell, area);
  if (!rows_.at_end() && !items_.empty() && draw_jump_button(shell, area)) rows_.jump_to_end();
  drop_old_blocks();
}

TranscriptPanel::Block& TranscriptPanel::block(Shell& shell, const Item& item) {
  const std::string key(item.id);
  auto found = blocks_.find(key);
  if (found == blocks_.end()) found = blocks_.emplace(key, Block{text::TextView(engine_), nullptr}).first;
  Block& b = found->second;
  b.last_used = serial_;
  const bool changed = b.source != item.message || b.bytes != item.text.size() || item.live;
  b.source = item.message;
  b.bytes = item.text.size();
  if (item.role == Role::assistant) {
    if (!b.markdown) b.markdown = std::make_unique<text::MarkdownView>(engine_);
    text::MarkdownLook look = text::markdown_look(shell.ui.theme.dark, shell.ui.px(type::prose));
    look.line_spacing = 1.55f;
    look.text = shell.ui.color().text;
    look.link = shell.ui.color().accent;
    look.selection = shell.ui.color().selection;
    b.markdown->set_look(look);
    if (changed) {
      const Reasoning parts = split_reasoning(item.text);
      b.markdown->set_text(parts.answer);
      b.thinking = parts.open && item.live;
      if (parts.thought.empty()) b.thought.reset();
      if (!parts.thought.empty() && !b.thought) b.thought = std::make_unique<text::TextView>(engine_);
      if (b.thought) b.thought->set_text(parts.thought);
      b.found = 0;
    }
    if (b.thought) {
      text::FlowStyle style;
      style.size_px = shell.ui.px(type::body);
      style.line_spacing = 1.5f;
      b.thought->set_style(style);
    }
    return b;
  }
  if (changed) b.view.set_text(item.text), b.found = 0;
  text::FlowStyle style;
  style.size_px = shell.ui.px(type::prose);
  style.line_spacing = 1.55f;
  style.paragraph_spacing_px = shell.ui.px(3);
  b.view.set_style(style);
  return b;
}

// Own words stand in a bubble as wide as they need; replies take the column.
float TranscriptPanel::text_width(Shell& shell, Block& b) const {
  if (b.markdown) return column_;
  const float most = std::floor(column_ * 0.82f) - shell.ui.px(2 * bubble_pad_dp);
  b.view.height(most);
  const float used = std::ceil(b.view.flow().content_width()) + 1;
  return used > 0 && used < most ? std::max(used, shell.ui.px(24)) : most;
}

float TranscriptPanel::measure(Shell& shell, size_t index) {
  Ui& ui = shell.ui;
  const Item& item = items_[index];
  if (editing_ == item.id) return ui.px(header_dp + gap_dp) + edit_height_;
  Block& b = block(shell, item);
  const float width = text_width(shell, b);
  float height = item.text.empty() ? ui.px(24) : text_height(b, width) + thought_height(shell, item, b);
  if (item.role == Role::user) height += ui.px(2 * bubble_pad_dp - 4);
  return std::ceil(ui.px(header_dp) + height + ui.px(item.role == Role::user ? footer_dp : footer_dp + gap_dp));
}

float TranscriptPanel::text_height(Block& b, float width) { return b.markdown ? b.markdown->height(width) : b.view.height(width); }

// true: clicked without selecting, and not on a link.
bool TranscriptPanel::draw_text(Shell& shell, const Item& item, const std::string& id, Block& b, ImVec2 at, float width, bool& focused) {
  Ui& ui = shell.ui;
  ImGui::SetCursorScreenPos(at);
  ImGui::PushID(item.id.data(), item.id.data() + item.id.size());
  bool clicked = false;
  if (b.markdown) {
    const auto result = draw_markdown_message(shell, id, *b.markdown, width);
    focused = result.focused;
    clicked = result.clicked;
  } else {
    const auto result = text::view_box(engine_, "text", b.view, ui.input, ui.clipboard, width, ui.color().text, ui.color().selection);
    focused = result.focused;
    clicked = result.clicked;
  }
  ImGui::PopID();
  return clicked;
}

void TranscriptPanel::draw_item(Shell& shell, const VirtualList::Placed& placed, const ImRect& area) {
  Ui& ui = shell.ui;
  const Item& item = items_[placed.index];
  const float left = std::floor(area.Min.x + (area.GetWidth() - column_) / 2), top = area.Min.y + placed.y;
  const ImRect whole(left, top, left + column_, top + placed.height);
  const bool own = item.role == Role::user, hovered = ui.hovers(whole);
  const TextLook faint{.size = type::caption, .color = ui.color().text_faint};
  draw_header(shell, item, ImVec2(left, top));
  if (editing_ == item.id) return draw_editing(shell, item, ImRect(left, top + ui.px(header_dp), left + column_, top + ui.px(header_dp) + edit_height_));
  Block& b = block(shell, item);
  const float width = text_width(shell, b), height = item.text.empty() ? ui.px(24) : text_height(b, width);
  ImVec2 at(left, top + ui.px(header_dp));
  paint_hits(shell, item, placed.index, b);
  if (b.thought) {
    draw_thought(shell, item, placed.index, b, at);
    at.y += thought_height(shell, item, b);
  }
  if (placed.index == reveal_ && !hits_.empty()) {
    const float inside = b.markdown && height > 0 ? b.markdown->hit_rect(hits_[hit_].number).y : 0;
    reveal_ = SIZE_MAX;
    rows_.scroll_by(at.y + inside - (area.Min.y + area.GetHeight() * 0.3f));
    ui.wake_at(ui.now());
  }
  ImRect text_box(at, ImVec2(at.x + width, at.y + height));
  if (own) {
    const float pad = ui.px(bubble_pad_dp);
    text_box = ImRect(left + column_ - width - 2 * pad, at.y, left + column_, at.y + height + 2 * pad - ui.px(4));
    ui.fill(text_box, ui.color().accent_soft, radius::bubble);
    at = ImVec2(text_box.Min.x + pad, text_box.Min.y + pad - ui.px(2));
  }
  const std::string id = "message." + std::to_string(placed.index);
  const bool last = placed.index + 1 == items_.size(), awaited = item.live || (last && shell.controller.generating());
  if (item.text.empty() && !awaited) {
    ui.text(ImVec2(at.x, at.y + ui.px(3)), ui.tr("chat.nothing_written"), faint);
    ui.mention(id, item.id, text_box);
  } else if (item.text.empty()) {
    const double turns = ui.now() * 0.9;
    draw_spinner(ui.list(), ImVec2(at.x + ui.px(9), at.y + ui.px(11)), ui.px(7), static_cast<float>(turns - std::floor(turns)), ui.color().accent);
    const auto& live = shell.controller.frame().live;
    if (live && live->prompt_total > 0) {
      ui.text(ImVec2(at.x + ui.px(26), at.y + ui.px(3)),
              ui.tr.format("chat.reading", {std::to_string(live->prompt_done), std::to_string(live->prompt_total)}), faint);
    }
    ui.wake_at(ui.now() + 1.0 / 20);
    ui.mention(id, item.id, text_box);
  } else {
    bool focused = false;
    bool clicked = draw_text(shell, item, id, b, at, width, focused);
    clicked |= ui.focus_stop(id, item.text.substr(0, 200), text_box, focused);
    if (clicked && !last && !shell.controller.generating()) open_rollback_question(shell, std::string(item.id));
  }
  if (item.message != nullptr) draw_footer(shell, item, placed.index, ImVec2(left, text_box.Max.y + ui.px(3)), hovered);
}

// Who speaks, when, and which model.
void TranscriptPanel::draw_header(Shell& shell, const Item& item, ImVec2 at) {
  Ui& ui = shell.ui;
  const bool own = item.role == Role::user;
  const char* role = own ? "role.user" : item.role == Role::system ? "role.system" : "role.assistant";
  const TextLook name{.size = type::small, .color = ui.color().text_soft, .weight = text::FontWeight::semibold};
  const TextLook faint{.size = type::caption, .color = ui.color().text_faint};
  std::string about = item.message != nullptr ? clock_time(item.message->created_at) : "";
  if (!own && item.message != nullptr && item.message->receipt) {
    const auto& info = shell.controller.frame().view->info;
    if (item.message->receipt->model_fingerprint == info.model_fingerprint && !info.model_name.empty()) about += "  ·  " + info.model_name;
  }
  const float name_width = ui.measure(ui.tr(role), name).x, about_width = ui.measure(about, faint).x + ui.px(space::s);
  const float x = own ? at.x + column_ - name_width - about_width : at.x;
  ui.text(ImVec2(x, at.y), ui.tr(role), name);
  ui.text(ImVec2(x + name_width + ui.px(space::s), at.y + ui.px(1)), about, faint);
}

// ---- what a model thinks before it answers

bool TranscriptPanel::thought_open(const Item& item, const Block& b) const {
  const std::string id(item.id);
  if (opened_.contains(id)) return true;
  return b.thinking && !closed_.contains(id);
}

float TranscriptPanel::thought_height(Shell& shell, const Item& item, Block& b) const {
  if (!b.thought) return 0;
  const float head = shell.ui.px(30), gap = shell.ui.px(6);
  return thought_open(item, b) ? head + b.thought->height(column_ - shell.ui.px(16)) + 2 * gap : head + gap;
}

void TranscriptPanel::draw_thought(Shell& shell, const Item& item, size_t index, Block& b, ImVec2 at) {
  Ui& ui = shell.ui;
  const bool open = thought_open(item, b);
  std::string words = ui.tr(b.thinking ? "thought.now" : "thought.done");
  if (!b.thinking && item.message != nullptr && !item.text.empty()) {
    // Of the time the reply took, the part that its thought is of its text.
    const auto& stats = item.message->stats;
    const double share = static_cast<double>(b.thought->flow().size_bytes()) / static_cast<double>(item.text.size());
    const double seconds = share * stats.decode_seconds;
    if (seconds > 0) words = ui.tr.format("thought.for", {fmt::format("{:.{}f}", seconds, seconds < 10 ? 1 : 0)});
  }
  const TextLook look{.size = type::small, .color = ui.color().text_soft, .weight = text::FontWeight::medium};
  const ImRect head(at.x - ui.px(4), at.y, at.x + ui.measure(words, look).x + ui.px(34), at.y + ui.px(26));
  const Hit hit = ui.interact("message." + std::to_string(index) + ".reasoning", words, head, true, radius::small);
  if (hit.hovered) ui.fill(head, ui.color().hover, radius::small);
  ui.icon(open ? Icon::chevron_down : Icon::chevron_right, ImRect(head.Min.x, head.Min.y, head.Min.x + ui.px(22), head.Max.y), 13, ui.color().text_soft);
  ui.text_in(ImRect(head.Min.x + ui.px(24), head.Min.y, head.Max.x, head.Max.y), words, look, 0);
  if (b.thinking) {
    const double turns = ui.now() * 0.9;
    draw_spinner(ui.list(), ImVec2(head.Max.x + ui.px(10), head.GetCenter().y), ui.px(5), static_cast<float>(turns - std::floor(turns)), ui.color().accent);
    ui.wake_at(ui.now() + 1.0 / 20);
  }
  if (hit.clicked) {
    const std::string id(item.id);
    (open ? opened_ : closed_).erase(id);
    (open ? closed_ : opened_).insert(id);
    ui.wake_at(ui.now());
  }
  if (!open) return;
  const ImVec2 text_at(at.x + ui.px(16), at.y + ui.px(30));
  const float width = column_ - ui.px(16), height = b.thought->height(width);
  ui.fill(ImRect(at.x + ui.px(4), text_at.y, at.x + ui.px(6), text_at.y + height), ui.color().border, 1);
  ImGui::SetCursorScreenPos(text_at);
  ImGui::PushID(item.id.data(), item.id.data() + item.id.size());
  text::view_box(engine_, "thought", *b.thought, ui.input, ui.clipboard, width, ui.color().text_soft, ui.color().selection);
  ImGui::PopID();
}

// ---- finding

// Off this thread: a long chat has millions of characters.
void TranscriptPanel::search(Shell& shell) {
  const auto view = shell.controller.frame().view;
  const uint64_t serial = ++*asked_;
  searched_revision_ = view ? view->revision : 0;
  Background& background = shell.controller.background();
  background.run([this, &background, &shell, view, serial, asked = asked_, words = find_.words(), match_case = find_.match_case()] {
    constexpr size_t most = 10000;
    std::vector<Found> found;
    for (size_t i = 0; view && i < view->path.size() && found.size() < most; ++i) {
      const Message& m = *view->path[i];
      const std::string_view text = m.role == Role::assistant ? split_reasoning(m.text).answer : std::string_view(m.text);
      const size_t n = text::find_all(text, words, most - found.size(), match_case).size();
      for (size_t k = 0; k < n; ++k) found.push_back({i, k});
    }
    background.post([this, &shell, serial, asked, found = std::move(found)]() mutable {
      if (*asked != serial) return;
      const bool first = hits_.empty();
      hits_ = std::move(found);
      ++search_;
      if (hit_ >= hits_.size()) hit_ = hits_.empty() ? 0 : hits_.size() - 1;
      if (first || go_to_first_) go_to_hit(shell, go_to_first_ ? hits_.size() : hit_);  // the newest one
      go_to_first_ = false;
    });
  });
}

void TranscriptPanel::go_to_hit(Shell& shell, size_t index) {
  if (hits_.empty()) return;
  hit_ = std::min(index, hits_.size() - 1);
  ++search_;
  rows_.reveal(hits_[hit_].item);
  reveal_ = hits_[hit_].item;
  shell.ui.wake_at(shell.ui.now());
}

void TranscriptPanel::paint_hits(Shell& shell, const Item& item, size_t index, Block& b) {
  const uint64_t wanted = find_.is_open() ? search_ : 1;
  if (b.found == wanted) return;
  b.found = wanted;
  const ImU32 all = shell.ui.color().found, now = shell.ui.color().found_now;
  const std::string words = find_.is_open() ? find_.words() : "";
  const size_t current = !hits_.empty() && hits_[hit_].item == index ? hits_[hit_].number : SIZE_MAX;
  if (b.markdown) {
    b.markdown->find(words, all, now, current, find_.match_case());
    return;
  }
  std::vector<text::PaintSpan> spans;
  for (const auto& [begin, end] : text::find_all(item.text, words, 10000, find_.match_case())) {
    spans.push_back({.begin = begin, .end = end, .background = spans.size() == current ? now : all});
  }
  b.view.flow().set_paint_spans(std::move(spans));
}

void TranscriptPanel::draw_find(Shell& shell, const ImRect& area) {
  if (std::exchange(shell.ask.find, false)) {
    find_.open("");
    go_to_first_ = true;
    search(shell);
  }
  if (std::exchange(shell.ask.close_find, false) && find_.is_open()) {
    find_.close();
    shell.ask.focus_composer = true;
  }
  shell.find_open = find_.is_open();
  if (!find_.is_open()) return;
  const auto& view = shell.controller.frame().view;
  if (view && view->revision != searched_revision_) search(shell);
  const size_t n = hits_.size();
  switch (find_.draw(shell, area, false, hit_, n)) {
    case FindBar::Act::changed:
      go_to_first_ = true;
      search(shell);
      break;
    case FindBar::Act::next: go_to_hit(shell, n > 0 ? (hit_ + 1) % n : 0); break;
    case FindBar::Act::previous: go_to_hit(shell, n > 0 ? (hit_ + n - 1) % n : 0); break;
    case FindBar::Act::closed: shell.ask.focus_composer = true; break;
    default: break;
  }
}

void TranscriptPanel::draw_footer(Shell& shell, const Item& item, size_t index, ImVec2 at, bool hovered) {
  Ui& ui = shell.ui;
  const bool last = index + 1 == items_.size(), own = item.role == Role::user;
  const MessageRow row{index, item.message, last, hovered || (last && !item.live), item.live || shell.controller.generating()};
  const float width = message_row_length(ui, row);
  const float x = own ? at.x + column_ - width : at.x - ui.px(6);
  const float end = draw_message_row(shell, row, ImVec2(x, at.y));
  if (own) return;
  std::string stats;
  if (item.live && item.text.empty()) return;
  if (item.live && shell.controller.frame().live) {
    const auto& live = *shell.controller.frame().live;
    if (live.tokens > 0) stats = ui.tr.format("stats.tokens", {std::to_string(live.tokens)}) + " · " + ui.tr.format("stats.rate", {short_number(live.decode_tokens_per_second)});
  } else {
    stats = stats_line(ui.tr, *item.message);
    using Words = std::pair<const char*, const char*>;
    for (const auto& [end, words] : {Words("length", "stats.length"), Words("cancelled", "stats.cancelled"), Words("partial", "stats.partial")})
      if (item.message->finish_reason == end) stats += (stats.empty() ? "" : " · ") + ui.tr(words);
  }
  const float left = row.shown ? end + ui.px(space::s) : x + ui.px(6);
  ui.text_in(ImRect(left, at.y, at.x + column_, at.y + ui.px(28)), stats, {.size = type::caption, .color = ui.color().text_faint}, 0);
}

void TranscriptPanel::draw_editing(Shell& shell, const Item& item, const ImRect& box) {
  Ui& ui = shell.ui;
  const float button = ui.px(34);
  text::EditBox look{.size_px = ui.px(type::prose), .padding = ui.px(10), .max_lines = 0};
  look.take_focus = std::exchange(take_focus_, false);
  look.submit_on_enter = item.role == Role::user;  // as in the composer; a reply is edited line by line
  const auto result = ui.field("edit.input", ui.tr("action.edit"), editor_, ImRect(box.Min, ImVec2(box.Max.x, box.Max.y - button - ui.px(8))), look);
  const bool own = item.role == Role::user;
  const std::string& save = ui.tr(own ? "edit.save_and_reply" : "edit.save");
  const float save_width = ui.button_width(save, false), cancel_width = ui.button_width(ui.tr("action.cancel"), false);
  const ImRect save_box(box.Max.x - save_width, box.Max.y - button, box.Max.x, box.Max.y);
  const ImRect cancel_box(save_box.Min.x - ui.px(8) - cancel_width, save_box.Min.y, save_box.Min.x - ui.px(8), save_box.Max.y);
  ui.text_in(ImRect(box.Min.x, save_box.Min.y, cancel_box.Min.x - ui.px(8), save_box.Max.y), ui.tr("edit.kept"),
             {.size = type::small, .color = ui.color().text_faint}, 0);
  const bool cancel = ui.button("edit.cancel", ui.tr("action.cancel"), cancel_box) || result.escaped;
  const bool saved = ui.button("edit.save", save, save_box, {.kind = ButtonKind::primary, .enabled = !editor_.empty()}) || (result.submitted && !editor_.empty());
  const float wanted = std::clamp(editor_.flow().height() + 2 * look.padding, ui.px(64), ui.px(280)) + ui.px(8) + button;
  if (wanted != edit_height_) ui.wake_at(ui.now());
  edit_height_ = wanted;
  if (saved && editor_.text() != item.text) shell.controller.edit(std::string(item.id), editor_.text(), own);
  if (saved || cancel) {
    editing_.clear();
    shell.ask.focus_composer = true;
  }
}

void TranscriptPanel::drop_old_blocks() {
  if (blocks_.size() <= max_blocks) return;
  std::erase_if(blocks_, [this](const auto& entry) { return entry.second.last_used + 120 < serial_; });
}

}  // namespace fabula::gui
