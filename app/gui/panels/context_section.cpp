#include "app/gui/panels/context_section.h"

#include <algorithm>
#include <cmath>

namespace fabula::gui {

void ContextSection::draw(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  if (const session::Outlook* outlook = shell.controller.outlook()) {
    draw_map(shell, column.take(ui.px(22), ui.px(8)), *outlook);
    draw_words(shell, column, *outlook);
  } else {
    column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr("context.unknown"), {.size = type::small, .color = ui.color().text_faint}, column.width) + ui.px(8);
  }
  draw_choices(shell, column);
}

// From left to right: what stands around the messages, each message that is read, the room for the reply, what is free.
void ContextSection::draw_map(Shell& shell, const ImRect& box, const session::Outlook& o) {
  Ui& ui = shell.ui;
  const Palette& c = ui.color();
  const auto& view = *shell.controller.frame().view;
  ui.fill(box, c.raised, radius::small);
  const auto whole = static_cast<float>(std::max(o.context, o.prompt_tokens));
  float x = box.Min.x;
  const auto part = [&](int64_t tokens, ImU32 color, const std::string& words) {
    const float width = box.GetWidth() * static_cast<float>(tokens) / whole;
    const ImRect piece(x, box.Min.y, std::min(x + width, box.Max.x), box.Max.y);
    x += width;
    if (width <= 0) return;
    const float gap = width > ui.px(3) ? 1.0f : 0.0f;
    ui.list().AddRectFilled(piece.Min, ImVec2(piece.Max.x - gap, piece.Max.y), color);
    if (ui.hovers(piece)) ui.tooltip(piece, words);
  };
  const auto first = static_cast<size_t>(std::clamp<int64_t>(o.dropped_messages, 0, static_cast<int64_t>(view.path.size())));
  int64_t skipped = o.dropped_messages > 0 ? 0 : o.whole_tokens - o.prompt_tokens;  // of a page: its oldest text is not read
  int64_t messages = -skipped;
  for (size_t i = first; i < view.path.size(); ++i) messages += static_cast<int64_t>(view.path[i]->tokens.size());
  const int64_t around = std::max<int64_t>(o.prompt_tokens - messages, 0);
  part(around, c.outline, ui.tr.format("context.around", {std::to_string(around)}));
  // Messages too short to be seen alone share a piece.
  const float least = ui.px(2);
  for (size_t i = first; i < view.path.size();) {
    const size_t begin = i;
    const auto goes_next = [&](size_t place) { return static_cast<int64_t>(place - first) < o.next_messages; };
    const session::Role role = view.path[i]->role;
    int64_t tokens = 0;
    do {
      const auto own = static_cast<int64_t>(view.path[i++]->tokens.size()), unread = std::min(own, skipped);
      skipped -= unread;
      tokens += own - unread;
    } while (i < view.path.size() && goes_next(i) == goes_next(begin) && box.GetWidth() * static_cast<float>(tokens) / whole < least);
    const std::string number = i == begin + 1 ? std::to_string(i) : std::to_string(begin + 1) + "–" + std::to_string(i);
    const ImU32 color = role == session::Role::assistant ? c.accent : c.own_tint;
    part(tokens, with_alpha(color, goes_next(begin) ? 0.45f : 0.9f), ui.tr.format(goes_next(begin) ? "context.message_next" : "context.message", {number, std::to_string(tokens)}));
  }
  ui.stroke(box, c.border, radius::small);
}

void ContextSection::draw_words(Shell& shell, Column& column, const session::Outlook& o) {
  Ui& ui = shell.ui;
  const auto line = [&](const std::string& words, ImU32 color) {
    column.y += ui.paragraph(ImVec2(column.x, column.y), words, {.size = type::small, .color = color}, column.width) + ui.px(5);
  };
  const auto percent = static_cast<int>(std::lround(100.0 * static_cast<double>(o.prompt_tokens) / static_cast<double>(std::max<int64_t>(o.context, 1))));
  line(ui.tr.format("context.fill", {std::to_string(o.prompt_tokens), std::to_string(o.context), std::to_string(percent)}), ui.color().text);
  line(ui.tr.format("context.stored", {std::to_string(o.stored_tokens), std::to_string(o.prompt_tokens - o.stored_tokens)}), ui.color().text_soft);
  if (!o.fits) line(ui.tr("context.full"), ui.color().danger);
  const int64_t gone = o.whole_tokens - o.prompt_tokens;
  if (o.dropped_messages > 0) {
    line(ui.tr.format("context.dropped_messages", {std::to_string(o.dropped_messages), std::to_string(gone)}), ui.color().warning);
  } else if (gone > 0) {
    line(ui.tr.format("context.dropped_tokens", {std::to_string(gone)}), ui.color().warning);
  }
  if (o.next_messages > 0) line(ui.tr.format("context.next", {std::to_string(o.next_messages)}), ui.color().text_soft);
  column.y += ui.px(4);
}

void ContextSection::draw_choices(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  session::SessionSettings settings = shell.controller.reply_settings();
  bool changed = false;
  bool drops = settings.overflow == session::Overflow::drop_oldest;
  const ImRect row = column.take(ui.px(34), ui.px(4));
  if (ui.toggle("context.drop_oldest", ui.tr("context.drop_oldest"), row, drops)) {
    settings.overflow = drops ? session::Overflow::drop_oldest : session::Overflow::ask;
    changed = true;
  }
  if (ui.hovers(row)) ui.tooltip(row, ui.tr(shell.controller.mode() == session::Mode::story ? "cost.full_story" : "cost.full_chat"));
  for (const auto& [name, standard] : shell.controller.frame().model.switches) {
    const auto chosen = settings.switches.find(name);
    bool on = chosen == settings.switches.end() ? standard : chosen->second;
    const bool thinking = name == "enable_thinking" || name == "thinking";
    if (!ui.toggle("context.switch." + name, thinking ? ui.tr("context.thinking") : name, column.take(ui.px(34), ui.px(4)), on)) continue;
    if (on == standard) {
      settings.switches.erase(name);
    } else {
      settings.switches[name] = on;
    }
    changed = true;
  }
  column.y += ui.px(6);
  if (changed) shell.controller.set_context_choice(settings.overflow, settings.switches);
}

}  // namespace fabula::gui
