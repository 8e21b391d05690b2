#include "app/gui/panels/device_dialog.h"

namespace fabula::gui {

void DeviceDialog::draw(Shell& shell) {
  Ui& ui = shell.ui;
  const session::ModelState& state = shell.controller.frame().model;
  if (!state.cpu_can_take_over) {
    shown_.clear();
  } else if (shown_ != state.error) {
    shown_ = state.error;
    ImGui::OpenPopup("device");
  }
  if (!ui.begin_dialog("device", ui.tr("device.title"), 460, 250)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, bottom = ImGui::GetWindowPos().y + ImGui::GetWindowSize().y - ui.px(18), height = ui.px(34);
  const float said = ui.paragraph(start, shown_, {.color = ui.color().danger}, width);
  ui.paragraph(ImVec2(start.x, start.y + said + ui.px(10)), ui.tr("device.words"), {}, width);
  const float go_on = ui.button_width(ui.tr("device.use_cpu"), false), cancel = ui.button_width(ui.tr("action.cancel"), false);
  const float right = start.x + width;
  if (ui.button("device.cancel", ui.tr("action.cancel"), ImRect(right - go_on - cancel - ui.px(8), bottom - height, right - go_on - ui.px(8), bottom)))
    ImGui::CloseCurrentPopup();
  if (ui.button("device.use_cpu", ui.tr("device.use_cpu"), ImRect(right - go_on, bottom - height, right, bottom), {.kind = ButtonKind::primary})) {
    shell.controller.continue_on_cpu();
    ImGui::CloseCurrentPopup();
  }
  ui.end_dialog();
}

}  // namespace fabula::gui
