#include "app/gui/panels/bars.h"
#include "core/model/library.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "app/gui/model_paths.h"

namespace fabula::gui {
namespace {

struct MenuName {
  Menu menu;
  const char *id, *popup;
};
constexpr MenuName menus[] = {{Menu::file, "menu.file", "menu.file.popup"},   {Menu::edit, "menu.edit", "menu.edit.popup"},
                              {Menu::view, "menu.view", "menu.view.popup"},   {Menu::mode, "menu.mode", "menu.mode.popup"},
                              {Menu::model, "menu.model", "menu.model.popup"}, {Menu::help, "menu.help", "menu.help.popup"}};

void draw_menu_popup(Shell& shell, const MenuName& menu, ImVec2 at) {
  Ui& ui = shell.ui;
  if (!ui.begin_menu(menu.popup, at, 290)) return;
  std::vector<const Command*> entries;
  for (const Command& command : shell.commands.list())
    if (command.menu == menu.menu) entries.push_back(&command);
  std::ranges::stable_sort(entries, {}, &Command::group);
  int group = -1;
  for (const Command* entry : entries) {
    const Command& command = *entry;
    if (group >= 0 && command.group != group) ui.menu_separator();
    group = command.group;
    const std::string key = "command." + std::string(command.id);
    if (ui.menu_item("menu." + std::string(command.id), ui.tr(key), shortcut_text(command.shortcut), Commands::enabled(command),
                     command.checked && command.checked())) {
      command.run();
    }
  }
  ui.end_menu();
}

}  // namespace

void draw_menu_bar(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  ui.fill(area, ui.color().sidebar);
  ui.hairline(ImVec2(area.Min.x, area.Max.y - 1), ImVec2(area.Max.x, area.Max.y - 1));
  const float mark = ui.px(20);
  draw_mark(ui.list(), ImVec2(area.Min.x + ui.px(12), area.GetCenter().y - mark / 2), mark, ui.color().accent, ui.color().sidebar);
  float x = area.Min.x + ui.px(40);
  const bool any_open = ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopupId);
  for (const MenuName& menu : menus) {
    const std::string& label = ui.tr(menu.id);
    const float width = ui.measure(label, {}).x + ui.px(18);
    const ImRect box(x, area.Min.y + ui.px(4), x + width, area.Max.y - ui.px(5));
    x += width;
    const bool open = ImGui::IsPopupOpen(menu.popup);
    const Hit hit = ui.interact(menu.id, label, box, true, radius::small);
    if (hit.hovered || open) ui.fill(box, open ? ui.color().active : ui.color().hover, radius::small);
    ui.text_in(box, label, {});
    const bool slid_over = any_open && !open && ImGui::IsMouseHoveringRect(box.Min, box.Max, false) &&
                           std::any_of(std::begin(menus), std::end(menus), [](const MenuName& m) { return ImGui::IsPopupOpen(m.popup); });
    if (hit.clicked || slid_over) {
      if (slid_over) ImGui::ClosePopupToLevel(0, false);
      ImGui::OpenPopup(menu.popup);
      ui.wake_at(ui.now());
    }
    draw_menu_popup(shell, menu, ImVec2(box.Min.x, area.Max.y));
  }
  const float button = ui.px(28), y = area.GetCenter().y - button / 2;
  float right = area.Max.x - ui.px(10);
  const auto icon = [&](const char* id, Icon which, const char* command, const char* key, bool active) {
    right -= button;
    if (ui.icon_button(id, which, ui.tr(key), ImRect(right, y, right + button, y + button), true, false, 17, active ? ui.color().accent : 0)) {
      shell.commands.run(command);
    }
    right -= ui.px(2);
  };
  icon("bar.panel", Icon::panel, "panel", "command.panel", shell.settings.panel_open);
  icon("bar.sidebar", Icon::sidebar, "sidebar", "command.sidebar", shell.settings.sidebar_open);
  icon("bar.palette", Icon::search, "palette", "command.palette", false);
}

void draw_status_bar(Shell& shell, const ImRect& area, size_t words) {
  Ui& ui = shell.ui;
  const Frame& frame = shell.controller.frame();
  ui.fill(area, ui.color().sidebar);
  ui.hairline(area.Min, ImVec2(area.Max.x, area.Min.y));
  const TextLook look{.size = type::caption, .color = ui.color().text_soft};
  using Obstacle = Controller::Obstacle;
  const Obstacle obstacle = shell.controller.obstacle();
  std::string left;
  ImU32 dot = ui.color().good;
  switch (obstacle) {
    case Obstacle::generating: left = ui.tr("status.generating"), dot = ui.color().accent; break;
    case Obstacle::loading: left = ui.tr("status.loading"), dot = ui.color().warning; break;
    case Obstacle::starting: left = ui.tr("status.starting"), dot = ui.color().warning; break;
    case Obstacle::no_model: left = ui.tr("status.no_model"), dot = ui.color().warning; break;
    case Obstacle::none: left = ui.tr("status.ready"); break;
    case Obstacle::no_template: left = ui.tr("status.no_template"), dot = ui.color().warning; break;
    case Obstacle::no_database:
    case Obstacle::model_failed: left = ui.tr("status.failed"), dot = ui.color().danger; break;
  }
  if (!frame.model.path.empty() && obstacle != Obstacle::no_model) left += " · " + shown_model_name(frame.model.path);
  const float y = area.GetCenter().y;
  ui.list().AddCircleFilled(ImVec2(area.Min.x + ui.px(16), y), ui.px(3.5f), dot, 16);
  std::string right;
  const auto add = [&right](const std::string& part) { right += (right.empty() ? "" : "   ") + part; };
  if (words > 0) add(ui.tr.count("status.words", static_cast<int64_t>(words)));
  if (frame.view && !frame.view->path.empty()) {
    int64_t tokens = 0;
    for (const auto& m : frame.view->path) tokens += static_cast<int64_t>(m->tokens.size());
    if (frame.model.context > 0) add(ui.tr.format("status.context", {std::to_string(tokens), std::to_string(frame.model.context)}));
  }
  if (frame.live && frame.live->decode_tokens_per_second > 0) add(short_number(frame.live->decode_tokens_per_second) + " " + ui.tr("unit.tokens_per_second"));
  const float right_width = ui.measure(right, look).x;
  ui.text_in(ImRect(area.Min.x + ui.px(26), area.Min.y, area.Max.x - right_width - ui.px(40), area.Max.y), left, look, 0);
  ui.text_in(ImRect(area.Min.x, area.Min.y, area.Max.x - ui.px(14), area.Max.y), right, look, 1);
}

void draw_toasts(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  auto& toasts = shell.controller.toasts();
  if (toasts.empty()) return;
  float y = area.Max.y - ui.px(52), centre = area.GetCenter().x, top = area.Min.y;  // the button to the latest message stays free
  if (const ImGuiWindow* dialog = ImGui::GetTopMostPopupModal()) {  // what it says stays free: they stand below it, the newest ones
    y = ImGui::GetIO().DisplaySize.y - ui.px(space::s);
    centre = dialog->Rect().GetCenter().x;
    top = dialog->Rect().Max.y;
  }
  std::string restore;
  size_t dismiss = SIZE_MAX;
  for (size_t i = toasts.size(); i-- > 0;) {
    const Toast& toast = toasts[i];
    ui.wake_at(toast.until + 0.05);
    const bool undo = !toast.undo_session.empty();
    const float width = std::min(ui.px(420), area.GetWidth() - ui.px(24)), undo_width = undo ? ui.button_width(ui.tr("action.undo"), false) : 0;
    const float text_width = width - ui.px(36 + 40) - undo_width;
    const TextLook look{.color = ui.color().text};
    const float height = std::max(ui.px(46), ui.measure(toast.text, look, text_width).y + ui.px(26));
    const ImVec2 at(std::floor(centre - width / 2), std::floor(y - height));
    if (at.y < top && i + 1 < toasts.size()) break;  // the others are seen when it closes
    y = at.y - ui.px(space::s);
    ImGui::SetNextWindowPos(at);
    ImGui::SetNextWindowSize(ImVec2(width, height));
    const std::string name = "toast." + std::to_string(toast.serial);
    ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, ui.px(radius::card));
    ImGui::Begin(name.c_str(), nullptr, ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
                                            ImGuiWindowFlags_NoFocusOnAppearing | ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoBackground);
    ImGui::PopStyleVar();
    const ImRect box(at, ImVec2(at.x + width, at.y + height));
    ui.fill(box, ui.color().raised, radius::card);
    ui.stroke(box, ui.color().border, radius::card);
    using Kind = session::Notice::Kind;
    const ImU32 tone = toast.kind == Kind::error ? ui.color().danger : toast.kind == Kind::warning ? ui.color().warning : ui.color().accent;
    const Icon icon = toast.kind == Kind::info ? (undo ? Icon::trash : Icon::check) : Icon::warning;
    ui.icon(icon, ImRect(at.x + ui.px(10), at.y, at.x + ui.px(34), at.y + height), 17, tone);
    ui.paragraph(ImVec2(at.x + ui.px(42), at.y + ui.px(14)), toast.text, look, text_width);
    float right = box.Max.x - ui.px(8);
    const float middle = at.y + height / 2;
    if (ui.icon_button(name + ".close", Icon::close, ui.tr("action.close"), ImRect(right - ui.px(26), middle - ui.px(13), right, middle + ui.px(13)), true, false, 14)) dismiss = i;
    right -= ui.px(30);
    if (undo && ui.button(name + ".undo", ui.tr("action.undo"), ImRect(right - undo_width, middle - ui.px(15), right, middle + ui.px(15)))) restore = toast.undo_session;
    ImGui::BringWindowToDisplayFront(ImGui::GetCurrentWindow());
    ImGui::End();
  }
  if (dismiss < toasts.size()) toasts.erase(toasts.begin() + static_cast<ptrdiff_t>(dismiss));
  if (!restore.empty()) shell.controller.restore(restore);
}

}  // namespace fabula::gui
