#include "app/gui/panels/dialogs.h"

#include <algorithm>

#include "core/base/build_info.h"

namespace fabula::gui {
namespace {

constexpr size_t max_matches = 40;

// The keys that are not commands of their own, for the sheet of F1.
constexpr std::pair<const char*, const char*> fixed_keys[] = {{"keys.send", "Enter"},       {"keys.newline", "Shift+Enter"},
                                                              {"keys.alternatives", "← →"}, {"keys.edit_last", "↑"},
                                                              {"keys.focus", "Tab"}};

void draw_key_line(Ui& ui, Column& column, const std::string& label, const std::string& keys) {
  const ImRect row = column.take(ui.px(30));
  const TextLook key{.size = type::small, .color = ui.color().text_soft, .weight = text::FontWeight::medium};
  const float width = ui.measure(keys, key).x + ui.px(14);
  ui.text_in(ImRect(row.Min, ImVec2(row.Max.x - width - ui.px(8), row.Max.y)), label, {}, 0);
  const ImRect cap(row.Max.x - width, row.Min.y + ui.px(4), row.Max.x, row.Max.y - ui.px(4));
  ui.fill(cap, ui.color().hover, radius::small);
  ui.text_in(cap, keys, key);
}

// What Fabula stands on, a line each: name and version, licence.
void draw_licences(Ui& ui, const ImRect& box) {
  ui.text(box.Min, ui.tr("about.libraries"), {.weight = text::FontWeight::semibold});
  const ImRect frame(box.Min.x, box.Min.y + ui.px(26), box.Max.x, box.Max.y);
  if (ui.begin_list("libraries", frame)) {
    const ImVec2 top = ImGui::GetCursorScreenPos();
    Column column{top.x + ui.px(12), top.y + ui.px(6), frame.GetWidth() - ui.px(36)};
    const TextLook soft{.size = type::small, .color = ui.color().text_soft};
    for (const Dependency& library : dependencies()) {
      const ImRect row = column.take(ui.px(25));
      const std::string id = "about.library." + std::string(library.name);
      ui.mention(id, library.licence, row);
      const float used = ui.measure(library.name, {}).x, middle = row.GetCenter().y;
      ui.text_in(row, library.name, {}, 0);
      ui.text(ImVec2(row.Min.x + used + ui.px(8), middle - ui.measure(library.version, soft).y / 2), library.version, soft);
      ui.text_in(row, library.licence, soft, 1);
    }
    ImGui::SetCursorScreenPos(top);
    ImGui::Dummy(ImVec2(1, column.y - top.y + ui.px(6)));
  }
  ui.end_list();
}

}  // namespace

void Dialogs::open_asked(Shell& shell) {
  if (std::exchange(shell.ask.palette, false)) {
    query_.set_text("");
    selected_ = 0;
    take_focus_ = true;
    ImGui::OpenPopup("palette");
  }
  if (std::exchange(shell.ask.shortcuts, false)) ImGui::OpenPopup("shortcuts");
  if (std::exchange(shell.ask.about, false)) ImGui::OpenPopup("about");
  if (!shell.ask.purge_session.empty()) {
    purge_session_ = std::exchange(shell.ask.purge_session, {});
    ImGui::OpenPopup("purge");
  }
}

void Dialogs::draw(Shell& shell) {
  open_asked(shell);
  draw_palette(shell);
  draw_shortcuts(shell);
  draw_about(shell);
  draw_purge(shell);
  precision_.draw(shell);
  device_.draw(shell);
  load_question_.draw(shell);
}

std::vector<Dialogs::Match> Dialogs::matches(Shell& shell, const std::string& query) const {
  std::vector<Match> out;
  const Strings& tr = shell.ui.tr;
  for (const Command& command : shell.commands.list()) {
    if (command.id == "palette" || !Commands::enabled(command)) continue;
    const std::string& label = tr("command." + std::string(command.id));
    if (contains_folded(label, query)) out.push_back({"palette." + std::string(command.id), label, shortcut_text(command.shortcut), command.run});
  }
  for (const auto& info : *shell.controller.frame().sessions) {
    if (out.size() >= max_matches) break;
    const std::string& title = info.title.empty() ? tr("session.untitled") : info.title;
    if (!contains_folded(title, query)) continue;
    out.push_back({"palette.session." + info.id, title, tr(info.mode == session::Mode::story ? "mode.story" : "mode.chat"), [&shell, info] {
                     shell.controller.set_mode(info.mode);
                     shell.controller.select(info.id);
                   }});
  }
  return out;
}

void Dialogs::draw_palette(Shell& shell) {
  Ui& ui = shell.ui;
  if (!ui.begin_dialog("palette", ui.tr("palette.title"), 560, 460)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x;
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("palette.hint"), .padding = ui.px(8), .submit_on_enter = true};
  look.take_focus = std::exchange(take_focus_, false);
  const auto field = ui.field("palette.input", ui.tr("palette.hint"), query_, ImRect(start.x, start.y, start.x + width, start.y + ui.px(36)), look, Icon::search);
  if (field.changed) selected_ = 0;
  const auto list = matches(shell, query_.text());
  const int n = static_cast<int>(list.size());
  const int step = ui.take_arrow();
  if (n > 0) selected_ = ((selected_ + step) % n + n) % n;
  const Match* chosen = field.submitted && n > 0 ? &list[static_cast<size_t>(selected_)] : nullptr;
  ImGui::SetCursorScreenPos(ImVec2(start.x, start.y + ui.px(46)));
  if (ImGui::BeginChild("matches", ImVec2(width, ImGui::GetContentRegionAvail().y))) {
    const ImVec2 top = ImGui::GetCursorScreenPos();
    Column column{top.x, top.y, width - ui.px(12)};
    for (int i = 0; i < n; ++i) {
      const Match& m = list[static_cast<size_t>(i)];
      const ImRect row = column.take(ui.px(34));
      const Hit hit = ui.interact(m.id, m.label, row);
      if (i == selected_) ui.fill(row, ui.color().accent_soft, radius::small);
      if (hit.hovered && i != selected_) ui.fill(row, ui.color().hover, radius::small);
      const TextLook keys{.size = type::small, .color = ui.color().text_faint};
      ui.text_in(ImRect(row.Min.x + ui.px(10), row.Min.y, row.Max.x - ui.px(20) - ui.measure(m.keys, keys).x, row.Max.y), m.label, {}, 0);
      ui.text_in(ImRect(row.Min.x, row.Min.y, row.Max.x - ui.px(10), row.Max.y), m.keys, keys, 1);
      if (hit.clicked) chosen = &m;
      if (i == selected_ && step != 0) {
        ImGui::SetCursorScreenPos(row.Min);
        ImGui::Dummy(row.GetSize());
        ImGui::SetScrollHereY(0.5f);
      }
    }
    if (n == 0) ui.text(ImVec2(column.x + ui.px(10), column.y + ui.px(10)), ui.tr("palette.nothing"), {.color = ui.color().text_faint});
    ImGui::SetCursorScreenPos(top);
    ImGui::Dummy(ImVec2(1, column.y - top.y));
  }
  ImGui::EndChild();
  if (chosen != nullptr) ImGui::CloseCurrentPopup();
  ui.end_dialog();
  if (chosen != nullptr) chosen->run();
}

void Dialogs::draw_shortcuts(Shell& shell) {
  Ui& ui = shell.ui;
  if (!ui.begin_dialog("shortcuts", ui.tr("shortcuts.title"), 720, 560)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, gap = ui.px(32), half = (width - gap) / 2;
  std::vector<std::pair<std::string, std::string>> lines;
  for (const auto& [key, keys] : fixed_keys) lines.emplace_back(ui.tr(key), keys);
  for (const Command& command : shell.commands.list()) {
    if (command.shortcut.key != 0) lines.emplace_back(ui.tr("command." + std::string(command.id)), shortcut_text(command.shortcut));
  }
  if (ImGui::BeginChild("keys", ImGui::GetContentRegionAvail())) {
    const size_t rows = (lines.size() + 1) / 2;
    Column left{start.x, ImGui::GetCursorScreenPos().y, half - ui.px(6)}, right{start.x + half + gap - ui.px(6), left.y, half - ui.px(6)};
    for (size_t i = 0; i < lines.size(); ++i) draw_key_line(ui, i < rows ? left : right, lines[i].first, lines[i].second);
    ImGui::Dummy(ImVec2(1, ui.px(30) * static_cast<float>(rows)));
  }
  ImGui::EndChild();
  ui.end_dialog();
}

void Dialogs::draw_about(Shell& shell) {
  Ui& ui = shell.ui;
  if (!ui.begin_dialog("about", ui.tr("about.title"), 520, 560)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, mark = ui.px(56);
  draw_mark(ui.list(), start, mark, ui.color().accent, ui.color().raised);
  ui.text(ImVec2(start.x + mark + ui.px(16), start.y + ui.px(4)), ui.tr("app.name"), {.size = type::display, .weight = text::FontWeight::semibold});
  ui.text(ImVec2(start.x + mark + ui.px(16), start.y + ui.px(38)), ui.tr.format("about.version", {version()}), {.size = type::small, .color = ui.color().text_soft});
  float y = start.y + mark + ui.px(20);
  const TextLook soft{.color = ui.color().text_soft};
  y += ui.paragraph(ImVec2(start.x, y), ui.tr("about.words"), soft, width) + ui.px(12);
  const auto& model = shell.controller.frame().model;
  const TextLook small{.size = type::small, .color = ui.color().text_faint};
  if (!model.device.empty()) y += ui.paragraph(ImVec2(start.x, y), ui.tr.format("about.device", {model.device}), small, width) + ui.px(6);
  y += ui.paragraph(ImVec2(start.x, y), ui.tr.format("about.data", {shell.controller.places().data.string()}), small, width) + ui.px(6);
  y += ui.paragraph(ImVec2(start.x, y), std::string(build_description()), small, width) + ui.px(16);
  draw_licences(ui, ImRect(start.x, y, start.x + width, ImGui::GetWindowPos().y + ImGui::GetWindowSize().y - ui.px(18)));
  ui.end_dialog();
}

void Dialogs::draw_purge(Shell& shell) {
  Ui& ui = shell.ui;
  if (!ui.begin_dialog("purge", ui.tr("purge.title"), 420, 170)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, bottom = ImGui::GetWindowPos().y + ImGui::GetWindowSize().y - ui.px(18), height = ui.px(34);
  ui.paragraph(start, ui.tr("purge.words"), {}, width);
  const float confirm = ui.button_width(ui.tr("action.purge"), false), cancel = ui.button_width(ui.tr("action.cancel"), false);
  const float right = start.x + width;
  if (ui.button("purge.cancel", ui.tr("action.cancel"), ImRect(right - confirm - cancel - ui.px(8), bottom - height, right - confirm - ui.px(8), bottom))) {
    ImGui::CloseCurrentPopup();
  }
  if (ui.button("purge.confirm", ui.tr("action.purge"), ImRect(right - confirm, bottom - height, right, bottom), {.kind = ButtonKind::danger})) {
    shell.controller.purge(purge_session_);
    ImGui::CloseCurrentPopup();
  }
  ui.end_dialog();
}

}  // namespace fabula::gui
