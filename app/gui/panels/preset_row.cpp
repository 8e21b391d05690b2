#include "app/gui/panels/preset_row.h"

namespace fabula::gui {

PresetRow::Result PresetRow::draw(Shell& shell, Column& column, const std::string& id, const std::vector<Entry>& entries, int current) {
  Ui& ui = shell.ui;
  const ImRect row = column.take(ui.px(34), ui.px(10));
  if (naming_) return draw_naming(shell, row, id);
  const Palette& c = ui.color();
  const std::string& label = current >= 0 ? entries[static_cast<size_t>(current)].name : ui.tr("preset.own_settings");
  const Hit hit = ui.interact(id, label, row);
  ui.fill(row, c.raised, radius::control);
  ui.stroke(row, hit.hovered ? c.outline : c.border, radius::control);
  ui.text_in(ImRect(row.Min.x + ui.px(10), row.Min.y, row.Max.x - ui.px(28), row.Max.y), label, {.color = current >= 0 ? c.text : c.text_soft}, 0);
  ui.icon(Icon::chevron_down, ImRect(row.Max.x - ui.px(26), row.Min.y, row.Max.x - ui.px(8), row.Max.y), 14, c.text_soft);
  const std::string popup = id + ".popup";
  if (hit.clicked) ImGui::OpenPopup(popup.c_str());
  Result result;
  if (!ui.begin_menu(popup.c_str(), ImVec2(row.Min.x, row.Max.y + ui.px(4)), row.GetWidth() / ui.scale())) return result;
  bool own = false;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].own && !own) ui.menu_heading(ui.tr("preset.own"));
    own = entries[i].own;
    if (ui.menu_item(id + "." + std::to_string(i), entries[i].name, {}, true, static_cast<int>(i) == current)) result = {Result::Act::take, i, {}};
  }
  ui.menu_separator();
  if (ui.menu_item(id + ".save", ui.tr("preset.save"), {}, true, false, Icon::plus)) {
    naming_ = take_focus_ = true;
    name_.set_text("");
  }
  const bool removable = current >= 0 && entries[static_cast<size_t>(current)].own;
  if (removable && ui.menu_item(id + ".remove", ui.tr.format("preset.remove", {label}), {}, true, false, Icon::trash, true)) {
    result = {Result::Act::remove, static_cast<size_t>(current), {}};
  }
  ui.end_menu();
  return result;
}

PresetRow::Result PresetRow::draw_naming(Shell& shell, const ImRect& row, const std::string& id) {
  Ui& ui = shell.ui;
  const float button = ui.px(34);
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("preset.name"), .padding = ui.px(7), .submit_on_enter = true};
  const bool taking = std::exchange(take_focus_, false);
  look.take_focus = taking;
  const auto field = ui.field(id + ".name", ui.tr("preset.name"), name_, ImRect(row.Min, ImVec2(row.Max.x - button, row.Max.y)), look);
  const ImRect keep(row.Max.x - button + ui.px(4), row.Min.y, row.Max.x, row.Max.y);
  const bool kept = ui.icon_button(id + ".keep", Icon::check, ui.tr("preset.save"), keep, !name_.empty());
  Result result;
  if ((field.submitted || kept) && !name_.empty()) result = {Result::Act::save, 0, name_.text()};
  if (result.act == Result::Act::save || field.escaped || (!field.focused && !taking && !ui.hovers(keep) && !kept)) naming_ = false;
  return result;
}

}  // namespace fabula::gui
