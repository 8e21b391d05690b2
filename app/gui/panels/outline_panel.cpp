#include "app/gui/panels/outline_panel.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

namespace fabula::gui {
namespace {

constexpr size_t first_bytes = 90;

std::string first_words(std::string_view text) {
  std::string out;
  for (const char c : text.substr(std::min(text.find_first_not_of(" \t\n"), text.size()))) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (space && (out.empty() || out.back() == ' ')) continue;
    if (out.size() >= first_bytes && (static_cast<unsigned char>(c) & 0xC0) != 0x80) break;
    out += space ? ' ' : c;
  }
  return out;
}

}  // namespace

std::vector<OutlineRun> outline_of(const std::vector<std::shared_ptr<const session::Message>>& messages, const std::string& current) {
  std::unordered_map<std::string_view, std::vector<const session::Message*>> children;
  std::unordered_map<std::string_view, const session::Message*> by_id;
  for (const auto& message : messages) {
    children[message->parent].push_back(message.get());
    by_id[message->id] = message.get();
  }
  std::unordered_set<std::string_view> path;
  for (auto found = by_id.find(current); found != by_id.end(); found = by_id.find(found->second->parent)) path.insert(found->first);
  std::vector<OutlineRun> runs;
  struct Open {
    const session::Message* message;
    int depth;
  };
  std::vector<Open> open;
  const auto push = [&](std::string_view parent, int depth) {
    const auto& list = children[parent];
    for (auto child = list.rbegin(); child != list.rend(); ++child) open.push_back({*child, depth});
  };
  push("", 0);
  while (!open.empty()) {
    const Open top = open.back();
    open.pop_back();
    OutlineRun run;
    run.first_id = top.message->id;
    run.depth = top.depth;
    run.on_path = path.contains(top.message->id);
    run.created_at = top.message->created_at;
    run.reply = top.message->role == session::Role::assistant;
    const session::Message* at = top.message;
    for (;;) {
      ++run.messages;
      run.tokens += static_cast<int64_t>(at->tokens.size());
      if (run.words.empty()) run.words = first_words(at->text);
      run.last_id = at->id;
      if (at->id == current) run.holds_current = true;
      const auto& next = children[at->id];
      if (next.size() != 1) {
        run.leaf = next.empty();
        if (!run.leaf) push(at->id, top.depth + 1);
        break;
      }
      at = next.front();
    }
    runs.push_back(std::move(run));
  }
  return runs;
}

void OutlinePanel::follow(Shell& shell) {
  const auto& view = shell.controller.frame().view;
  const uint64_t revision = view ? view->revision : 0;
  if (!view) {
    runs_.clear();
    session_.clear();
    return;
  }
  if (asked_ || (view->info.id == session_ && revision == revision_) || (view->info.generating && view->info.id == session_)) return;
  asked_ = true;
  session_ = view->info.id;
  revision_ = revision;
  shell.controller.tree(session_, [this, session = session_, current = view->current](session::MessageList messages) {
    asked_ = false;
    if (session == session_) runs_ = outline_of(messages, current);
  }, [this] { asked_ = false; });
}

void OutlinePanel::draw_row(Shell& shell, size_t index, const ImRect& row) {
  Ui& ui = shell.ui;
  const OutlineRun& run = runs_[index];
  const std::string words = run.words.empty() ? ui.tr("outline.no_words") : run.words;
  const Hit hit = ui.interact("outline." + std::to_string(index), words, row, !shell.controller.generating(), radius::small);
  if (run.holds_current) ui.fill(row, ui.color().accent_soft, radius::small);
  if (hit.hovered) ui.fill(row, ui.color().hover, radius::small);
  const float indent = ui.px(14) * static_cast<float>(std::min(run.depth, 9));
  const float x = row.Min.x + ui.px(14) + indent, middle = row.Min.y + ui.px(16);
  // The line down to the row, and its dot: filled on the present path.
  if (run.depth > 0) {
    ui.list().AddLine(ImVec2(x - ui.px(14), row.Min.y - ui.px(8)), ImVec2(x - ui.px(14), middle), ui.color().border, ui.px(1.5f));
    ui.list().AddLine(ImVec2(x - ui.px(14), middle), ImVec2(x - ui.px(4), middle), ui.color().border, ui.px(1.5f));
  }
  if (run.on_path) {
    ui.list().AddCircleFilled(ImVec2(x, middle), ui.px(4), ui.color().accent, 16);
  } else {
    ui.list().AddCircle(ImVec2(x, middle), ui.px(3.5f), ui.color().outline, 16, ui.px(1.4f));
  }
  const TextLook title{.size = type::small, .color = run.on_path ? ui.color().text : ui.color().text_soft,
                       .weight = run.on_path ? text::FontWeight::semibold : text::FontWeight::regular};
  const float left = x + ui.px(12);
  ui.text(ImVec2(left, row.Min.y + ui.px(7)), words, title, row.Max.x - ui.px(8) - left);
  std::string about = ui.tr.count("outline.parts", static_cast<int64_t>(run.messages));
  if (run.tokens > 0) about += " · " + ui.tr.format("stats.tokens", {std::to_string(run.tokens)});
  about += " · " + clock_time(run.created_at);
  ui.text(ImVec2(left, row.Min.y + ui.px(25)), about, {.size = type::caption, .color = ui.color().text_faint}, row.Max.x - ui.px(8) - left);
  if (hit.hovered) ui.tooltip(row, exact_time(run.created_at));
  if (hit.clicked) shell.controller.go_to(run.last_id);
}

void OutlinePanel::draw(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  follow(shell);
  ui.fill(area, ui.color().sidebar);
  ui.hairline(area.Min, ImVec2(area.Min.x, area.Max.y));
  const float head = ui.px(44), button = ui.px(28);
  ui.text_in(ImRect(area.Min.x + ui.px(16), area.Min.y, area.Max.x - button, area.Min.y + head), ui.tr("outline.title"),
             {.size = type::body, .weight = text::FontWeight::semibold}, 0);
  const ImRect close(area.Max.x - button - ui.px(8), area.Min.y + ui.px(8), area.Max.x - ui.px(8), area.Min.y + ui.px(8) + button);
  if (ui.icon_button("outline.close", Icon::close, ui.tr("action.close"), close, true, false, 14)) shell.outline_open = false;
  const ImRect list(area.Min.x + ui.px(6), area.Min.y + head, area.Max.x - ui.px(2), area.Max.y);
  if (runs_.empty()) {
    ui.paragraph(ImVec2(area.Min.x + ui.px(16), list.Min.y + ui.px(4)), ui.tr("outline.empty"), {.size = type::small, .color = ui.color().text_faint},
                 area.GetWidth() - ui.px(32));
    return;
  }
  ImGui::SetCursorScreenPos(list.Min);
  if (ImGui::BeginChild("outline", list.GetSize())) {
    const ImVec2 start = ImGui::GetCursorScreenPos();
    const float row = ui.px(48);
    const auto first = static_cast<size_t>(std::max(0.0f, (list.Min.y - start.y) / row));
    const size_t last = std::min(runs_.size(), first + static_cast<size_t>(list.GetHeight() / row) + 2);
    for (size_t i = first; i < last; ++i) {
      const float y = start.y + row * static_cast<float>(i);
      draw_row(shell, i, ImRect(start.x, y + ui.px(1), start.x + list.GetWidth() - ui.px(12), y + row - ui.px(1)));
    }
    ImGui::SetCursorScreenPos(start);
    ImGui::Dummy(ImVec2(1, row * static_cast<float>(runs_.size()) + ui.px(8)));
  }
  ImGui::EndChild();
}

}  // namespace fabula::gui
