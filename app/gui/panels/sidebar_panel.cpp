#include "app/gui/panels/sidebar_panel.h"

#include <algorithm>

#include "app/gui/panels/marked_text.h"
#include "core/base/clock.h"

namespace fabula::gui {
namespace {

using session::Mode;

constexpr float row_dp = 46, button_dp = 26;
constexpr float row_button_dp = 22;  // five of them leave the middle of a row to the row itself

std::string title_of(const Shell& shell, const session::SessionInfo& info) {
  return info.title.empty() ? shell.ui.tr("session.untitled") : info.title;
}

}  // namespace

void SidebarPanel::draw(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  ui.fill(area, ui.color().sidebar);
  ui.hairline(ImVec2(area.Max.x - 1, area.Min.y), ImVec2(area.Max.x - 1, area.Max.y));
  Column column{area.Min.x + ui.px(space::m), area.Min.y + ui.px(space::m), area.GetWidth() - ui.px(2 * space::m)};
  draw_tabs(shell, column);
  ImRect row = column.take(ui.px(36), ui.px(space::s));
  const bool story = shell.controller.mode() == Mode::story;
  if (ui.button("sidebar.new", ui.tr(story ? "sidebar.new_story" : "sidebar.new_chat"), row, {.icon = Icon::plus, .align = 0})) shell.commands.run("new");
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("sidebar.search"), .padding = ui.px(7)};
  look.take_focus = std::exchange(shell.ask.focus_search, false);
  const auto searched = ui.field("sidebar.search", ui.tr("sidebar.search"), search_, column.take(ui.px(34), ui.px(space::s)), look, Icon::search);
  if (searched.escaped) search_.set_text("");
  if (searched.changed || (searched.escaped && !query_.empty())) {
    query_ = search_.text();
    shell.controller.search(query_);
  }
  if (std::exchange(shell.ask.trash, false)) trash_ = !trash_;
  const float foot = ui.px(40);
  const ImRect list(area.Min.x, column.y, area.Max.x - 1, area.Max.y - foot);
  if (trash_) {
    draw_trash(shell, list);
  } else {
    draw_list(shell, list);
  }
  ui.hairline(ImVec2(area.Min.x, list.Max.y), ImVec2(area.Max.x, list.Max.y));
  const ImRect foot_box(area.Min.x + ui.px(space::s), list.Max.y + ui.px(5), area.Max.x - ui.px(space::s), area.Max.y - ui.px(5));
  const size_t n = shell.controller.frame().trash->size();
  const std::string label = trash_ ? ui.tr("sidebar.back") : n == 0 ? ui.tr("sidebar.trash") : ui.tr.format("sidebar.trash_n", {std::to_string(n)});
  if (ui.button("sidebar.trash", label, foot_box,
                {.kind = ButtonKind::ghost, .icon = trash_ ? Icon::chevron_left : Icon::trash, .align = 0, .text_size = type::small})) {
    trash_ = !trash_;
  }
  draw_rollback_menu(shell);
  draw_row_menu(shell);
}

void SidebarPanel::draw_tabs(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const ImRect track = column.take(ui.px(38), ui.px(space::m));
  ui.fill(track, ui.color().hover, radius::control + 2);
  const float half = track.GetWidth() / 2, inset = ui.px(3);
  const struct {
    Mode mode;
    const char *id, *label;
    Icon icon;
  } tabs[] = {{Mode::story, "mode.story", "mode.story", Icon::book}, {Mode::chat, "mode.chat", "mode.chat", Icon::chat}};
  for (int i = 0; i < 2; ++i) {
    ImRect box(track.Min.x + half * static_cast<float>(i), track.Min.y, track.Min.x + half * static_cast<float>(i + 1), track.Max.y);
    box.Expand(-inset);
    const bool on = shell.controller.mode() == tabs[i].mode;
    const Hit hit = ui.interact(tabs[i].id, ui.tr(tabs[i].label), box);
    if (on) {
      ui.fill(box, ui.color().raised, radius::control);
      ui.stroke(box, ui.color().border, radius::control);
    } else if (hit.hovered) {
      ui.fill(box, ui.color().hover, radius::control);
    }
    const TextLook look{.color = on ? ui.color().text : ui.color().text_soft, .weight = on ? text::FontWeight::semibold : text::FontWeight::medium};
    const float label_width = ui.measure(ui.tr(tabs[i].label), look).x, icon = ui.px(17), gap = ui.px(7);
    const float x = box.GetCenter().x - (icon + gap + label_width) / 2;
    ui.icon(tabs[i].icon, ImRect(x, box.Min.y, x + icon, box.Max.y), 17, on ? ui.color().accent : ui.color().text_soft);
    ui.text_in(ImRect(x + icon + gap, box.Min.y, box.Max.x, box.Max.y), ui.tr(tabs[i].label), look, 0);
    if (hit.clicked && !on) shell.controller.set_mode(tabs[i].mode);
  }
}

void SidebarPanel::draw_list(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  ImGui::SetCursorScreenPos(area.Min);
  if (ImGui::BeginChild("sessions", area.GetSize())) {
    const ImVec2 start = ImGui::GetCursorScreenPos();
    Column column{start.x + ui.px(space::s), start.y, area.GetWidth() - ui.px(2 * space::s)};
    const auto sessions = shell.controller.frame().sessions;  // kept for as long as the groups point into it
    size_t number = 0, group_number = 0;
    const ImRect clip = ImGui::GetCurrentWindow()->ClipRect;
    for (const SessionGroup& group : group_sessions(ui.tr, *sessions, shell.controller.mode(), query_, unix_milliseconds())) {
      const bool folded = draw_group_heading(shell, column, group, group_number);
      if (folded && query_.empty()) continue;
      for (const session::SessionInfo* info : group.sessions) {
        if (column.y + ui.px(row_dp) >= clip.Min.y && column.y <= clip.Max.y) {
          draw_row(shell, column, *info, number);
        } else {
          column.take(ui.px(row_dp));
        }
        ++number;
      }
    }
    if (!query_.empty()) draw_hits(shell, column);
    if (group_number == 0 && (query_.empty() || shell.controller.hits().empty())) draw_nothing(shell, column);
    ImGui::SetCursorScreenPos(start);
    ImGui::Dummy(ImVec2(1, column.y - start.y + ui.px(space::s)));
  }
  ImGui::EndChild();
}

// true: a folder that is folded.
bool SidebarPanel::draw_group_heading(Shell& shell, Column& column, const SessionGroup& group, size_t& number) {
  Ui& ui = shell.ui;
  const ImRect row = column.take(ui.px(30));
  const ImRect words(row.Min.x + ui.px(space::s), row.Min.y + ui.px(6), row.Max.x, row.Max.y);
  const TextLook look{.size = type::caption, .color = ui.color().text_faint, .weight = text::FontWeight::semibold};
  const std::string id = "group." + std::to_string(number++);
  if (group.folder.empty()) {
    ui.text_in(words, group.label, look, 0);
    ui.mention(id, group.label, row);
    return false;
  }
  const Hit hit = ui.interact(id, group.label, row);
  if (hit.clicked && folded_.erase(group.folder) == 0) folded_.insert(group.folder);
  const bool folded = folded_.contains(group.folder);
  if (hit.hovered) ui.fill(row, ui.color().hover, radius::small);
  ui.icon(folded ? Icon::chevron_right : Icon::chevron_down, ImRect(words.Min.x, words.Min.y, words.Min.x + ui.px(12), words.Max.y), 11, ui.color().text_faint);
  ui.icon(Icon::folder, ImRect(words.Min.x + ui.px(16), words.Min.y, words.Min.x + ui.px(30), words.Max.y), 13, ui.color().text_soft);
  const std::string label = group.label + "  " + std::to_string(group.sessions.size());
  ui.text_in(ImRect(words.Min.x + ui.px(36), words.Min.y, words.Max.x, words.Max.y), label, look, 0);
  return folded;
}

void SidebarPanel::draw_nothing(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const char* key = !shell.controller.ready() && shell.controller.open_error().empty() ? "sidebar.opening"
                    : !query_.empty()                                                  ? "sidebar.nothing_found"
                    : shell.controller.mode() == Mode::story                           ? "sidebar.no_stories"
                                                                                       : "sidebar.no_chats";
  ui.paragraph(ImVec2(column.x + ui.px(space::s), column.y + ui.px(space::l)), ui.tr(key), {.size = type::small, .color = ui.color().text_faint},
               column.width - ui.px(space::l));
}

void SidebarPanel::draw_row(Shell& shell, Column& column, const session::SessionInfo& info, size_t number) {
  Ui& ui = shell.ui;
  const std::string id = "session." + std::to_string(number);
  const ImRect row = column.take(ui.px(row_dp));
  if (shell.ask.rename_session == info.id) {
    shell.ask.rename_session.clear();
    renaming_ = info.id;
    rename_.set_text(info.title);
    rename_.selection().select_all();
    take_rename_focus_ = true;
  }
  if (renaming_ == info.id && draw_rename(shell, row, info)) return;
  const bool current = shell.controller.current() == info.id, hovered = ui.hovers(row);
  if (current) {
    ui.fill(row, ui.color().accent_soft, radius::control);
  } else if (hovered) {
    ui.fill(row, ui.color().hover, radius::control);
  }
  draw_row_buttons(shell, info, id, row, hovered);
  const Hit hit = ui.interact(id, title_of(shell, info), row);
  if (hit.clicked) shell.controller.select(info.id);
  if (hovered && ImGui::IsMouseClicked(1)) open_row_menu(info.id, ImGui::GetIO().MousePos);
  const bool show_buttons = hovered;
  const float left = row.Min.x + ui.px(10), right = row.Max.x - ui.px(show_buttons ? 5 * row_button_dp + 8 : 10);
  const bool busy = info.generating;
  draw_marked(ui, ImVec2(left, row.Min.y + ui.px(6)), marked(title_of(shell, info), query_),
              {.weight = current ? text::FontWeight::semibold : text::FontWeight::regular}, right - left - (busy ? ui.px(22) : 0));
  std::string when = relative_time(ui.tr, info.updated_at, unix_milliseconds());
  for (const std::string& tag : info.tags) when += "  #" + tag;
  ui.text(ImVec2(left, row.Min.y + ui.px(26)), when, {.size = type::caption, .color = ui.color().text_faint}, right - left);
  if (busy) {
    draw_spinner(ui.list(), ImVec2(right - ui.px(8), row.Min.y + ui.px(15)), ui.px(5.5f), static_cast<float>(ui.now() * 0.9 - static_cast<int64_t>(ui.now() * 0.9)),
                 ui.color().accent);
    ui.wake_at(ui.now() + 1.0 / 20);
  }
  if (hit.hovered && ImGui::GetIO().MousePos.y > row.Min.y + ui.px(24)) {
    ui.tooltip(row, ui.tr.format("session.times", {exact_time(info.created_at), exact_time(info.updated_at)}));
  }
}

void SidebarPanel::draw_row_buttons(Shell& shell, const session::SessionInfo& info, const std::string& id, const ImRect& row, bool shown) {
  Ui& ui = shell.ui;
  const struct {
    const char *suffix, *label;
    Icon icon;
  } buttons[] = {{".rollback", "action.rollback", Icon::undo}, {".export", "action.export", Icon::export_},
                 {".rename", "action.rename", Icon::pencil}, {".delete", "action.delete", Icon::trash},
                 {".more", "action.more", Icon::more}};
  float x = row.Max.x - ui.px(5 * row_button_dp + 4);
  for (const auto& b : buttons) {
    const ImRect box(x, row.Min.y + ui.px((row_dp - button_dp) / 2), x + ui.px(row_button_dp), row.Min.y + ui.px((row_dp + button_dp) / 2));
    x += ui.px(row_button_dp);
    const std::string name = id + b.suffix;
    if (!shown && !(ui.focus_visible() && ui.focused() == name)) {
      ui.record(name, ui.tr(b.label), box);
      continue;
    }
    if (!ui.icon_button(name, b.icon, ui.tr(b.label), box, true, false, 15)) continue;
    switch (b.icon) {
      case Icon::undo:
        menu_session_ = info.id;
        open_menu_ = true;
        menu_at_ = ImVec2(box.Min.x, box.Max.y + ui.px(4));
        break;
      case Icon::export_:
        shell.ask.file = FileTask::export_session;
        shell.ask.file_session = info.id;
        break;
      case Icon::pencil: shell.ask.rename_session = info.id; break;
      case Icon::more: open_row_menu(info.id, ImVec2(box.Min.x, box.Max.y + ui.px(4))); break;
      default: shell.controller.remove(info.id); break;
    }
  }
}

bool SidebarPanel::draw_rename(Shell& shell, const ImRect& row, const session::SessionInfo& info) {
  Ui& ui = shell.ui;
  ImRect box = row;
  box.Expand(ImVec2(0, -ui.px(6)));
  text::EditBox look{.size_px = ui.px(type::body), .padding = ui.px(7), .submit_on_enter = true};
  look.take_focus = take_rename_focus_;
  const auto result = ui.field("sidebar.rename", ui.tr("action.rename"), rename_, box, look);
  if (result.submitted && !rename_.empty()) shell.controller.rename(info.id, rename_.text());
  const bool done = result.submitted || result.escaped || (!result.focused && !take_rename_focus_);
  take_rename_focus_ = take_rename_focus_ && !result.focused;
  if (done) {
    renaming_.clear();
    shell.ask.focus_composer = true;
  }
  return true;
}

void SidebarPanel::draw_hits(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  if (shell.controller.hits().empty()) return;
  const ImRect heading = column.take(ui.px(30));
  ui.text_in(ImRect(heading.Min.x + ui.px(space::s), heading.Min.y + ui.px(6), heading.Max.x, heading.Max.y), ui.tr("sidebar.in_texts"),
             {.size = type::caption, .color = ui.color().text_faint, .weight = text::FontWeight::semibold}, 0);
  size_t number = 0;
  for (const auto& hit : shell.controller.hits()) {
    std::string snippet = hit.snippet;
    std::replace(snippet.begin(), snippet.end(), '\n', ' ');
    const auto& sessions = *shell.controller.frame().sessions;
    const auto found = std::find_if(sessions.begin(), sessions.end(), [&](const auto& s) { return s.id == hit.session; });
    if (found == sessions.end()) continue;
    if (hit.message.empty() && found->mode == shell.controller.mode()) continue;  // its title: it is listed above
    const ImRect row = column.take(ui.px(row_dp));
    const Hit pressed = ui.interact("hit." + std::to_string(number++), without_marks(snippet), row);
    if (pressed.hovered) ui.fill(row, ui.color().hover, radius::control);
    const float left = row.Min.x + ui.px(10), width = row.GetWidth() - ui.px(20);
    ui.text(ImVec2(left, row.Min.y + ui.px(6)), title_of(shell, *found), {.size = type::small, .weight = text::FontWeight::medium}, width);
    draw_marked(ui, ImVec2(left, row.Min.y + ui.px(25)), snippet, {.size = type::small, .color = ui.color().text_soft}, width);
    if (pressed.clicked) {
      shell.controller.set_mode(found->mode);
      shell.controller.select(found->id);
      shell.ask.reveal_session = hit.session;
      shell.ask.reveal_message = hit.message;
      shell.ask.reveal_left = 0;
    }
  }
}

void SidebarPanel::draw_trash(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  ImGui::SetCursorScreenPos(area.Min);
  if (ImGui::BeginChild("trash", area.GetSize())) {
    const ImVec2 start = ImGui::GetCursorScreenPos();
    Column column{start.x + ui.px(space::s), start.y, area.GetWidth() - ui.px(2 * space::s)};
    size_t number = 0;
    const ImRect heading = column.take(ui.px(28), ui.px(2));
    ui.text_in(ImRect(heading.Min.x + ui.px(space::s), heading.Min.y + ui.px(6), heading.Max.x, heading.Max.y), ui.tr("sidebar.trash"),
               {.size = type::caption, .color = ui.color().text_faint, .weight = text::FontWeight::semibold}, 0);
    for (const auto& info : *shell.controller.frame().trash) {
      const std::string id = "trash." + std::to_string(number++);
      const ImRect row = column.take(ui.px(row_dp));
      const bool hovered = ui.hovers(row);
      if (hovered) ui.fill(row, ui.color().hover, radius::control);
      const float y0 = row.Min.y + ui.px(10), y1 = y0 + ui.px(button_dp), x = row.Max.x - ui.px(4);
      if (ui.icon_button(id + ".restore", Icon::undo, ui.tr("action.restore"), ImRect(x - ui.px(2 * button_dp), y0, x - ui.px(button_dp), y1))) {
        shell.controller.restore(info.id);
        trash_ = false;
      }
      if (ui.icon_button(id + ".purge", Icon::trash, ui.tr("action.purge"), ImRect(x - ui.px(button_dp), y0, x, y1))) shell.ask.purge_session = info.id;
      const float left = row.Min.x + ui.px(10), width = x - ui.px(2 * button_dp + 4) - left;
      ui.text(ImVec2(left, row.Min.y + ui.px(6)), title_of(shell, info), {}, width);
      ui.text(ImVec2(left, row.Min.y + ui.px(26)), relative_time(ui.tr, info.updated_at, unix_milliseconds()),
              {.size = type::caption, .color = ui.color().text_faint}, width);
    }
    if (number == 0) {
      ui.paragraph(ImVec2(column.x + ui.px(space::s), column.y + ui.px(space::l)), ui.tr("sidebar.trash_empty"),
                   {.size = type::small, .color = ui.color().text_faint}, column.width - ui.px(space::l));
    }
    ImGui::SetCursorScreenPos(start);
    ImGui::Dummy(ImVec2(1, column.y - start.y + ui.px(space::s)));
  }
  ImGui::EndChild();
}

void SidebarPanel::open_row_menu(const std::string& session, ImVec2 at) {
  menu_session_ = session;
  open_row_menu_ = true;
  menu_at_ = at;
}

void SidebarPanel::draw_row_menu(Shell& shell) {
  Ui& ui = shell.ui;
  if (std::exchange(open_row_menu_, false)) ImGui::OpenPopup("session.menu");
  if (!ui.begin_menu("session.menu", menu_at_, 220)) return;
  const std::string session = menu_session_;
  const auto sessions = shell.controller.frame().sessions;
  const auto found = std::find_if(sessions->begin(), sessions->end(), [&](const auto& s) { return s.id == session; });
  const bool pinned = found != sessions->end() && found->pinned;
  if (ui.menu_item("session.menu.pin", ui.tr(pinned ? "action.unpin" : "action.pin"), {}, true, false, Icon::pin)) shell.controller.set_pinned(session, !pinned);
  if (ui.menu_item("session.menu.labels", ui.tr("action.labels"), {}, true, false, Icon::folder)) shell.ask.label_session = session;
  if (ui.menu_item("session.menu.duplicate", ui.tr("action.duplicate"), {}, true, false, Icon::copy)) shell.controller.duplicate(session);
  ui.menu_separator();
  if (ui.menu_item("session.menu.rename", ui.tr("action.rename"), {}, true, false, Icon::pencil)) shell.ask.rename_session = session;
  if (ui.menu_item("session.menu.export", ui.tr("action.export"), {}, true, false, Icon::export_)) {
    shell.ask.file = FileTask::export_session;
    shell.ask.file_session = session;
  }
  if (ui.menu_item("session.menu.delete", ui.tr("action.delete"), {}, true, false, Icon::trash, true)) shell.controller.remove(session);
  ui.end_menu();
}

void SidebarPanel::draw_rollback_menu(Shell& shell) {
  Ui& ui = shell.ui;
  if (std::exchange(open_menu_, false)) ImGui::OpenPopup("session.rollback_menu");
  if (!ui.begin_menu("session.rollback_menu", menu_at_, 260)) return;
  const std::string session = menu_session_;
  if (ui.menu_item("rollback.last", ui.tr("rollback.last"), {}, true, false, Icon::undo)) {
    shell.controller.rollback_last_exchange(session);
  }
  if (ui.menu_item("rollback.pick", ui.tr("rollback.pick"), {}, true, false, Icon::chat)) {
    shell.controller.select(session);
    shell.controller.say(session::Notice::Kind::info, ui.tr("rollback.pick_hint"));
  }
  ui.end_menu();
}

}  // namespace fabula::gui
