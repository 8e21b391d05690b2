#include "app/gui/panels/jump_button.h"

#include <cmath>

namespace fabula::gui {

bool draw_jump_button(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  const float size = ui.px(34), x = std::floor(area.GetCenter().x - size / 2), y = std::floor(area.Max.y - size - ui.px(9));
  const ImRect box(x, y, x + size, y + size);
  bool clicked = false;
  ImGui::SetCursorScreenPos(box.Min);
  if (ImGui::BeginChild("jump", box.GetSize(), false, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoBackground)) {
    const Hit hit = ui.interact("transcript.latest", ui.tr("chat.latest"), box, true, 17);
    ui.fill(box, ui.color().raised, 17);
    ui.stroke(box, hit.hovered ? ui.color().outline : ui.color().border, 17);
    ui.icon(Icon::arrow_down, box, 16, ui.color().text);
    if (hit.hovered) ui.tooltip(box, ui.tr("chat.latest"));
    clicked = hit.clicked;
  }
  ImGui::EndChild();
  return clicked;
}

}  // namespace fabula::gui
