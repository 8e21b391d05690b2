#include "app/gui/panels/markdown_message.h"

namespace fabula::gui {
namespace {

ImRect placed(const text::Rect& r, ImVec2 at) { return {at.x + r.x, at.y + r.y, at.x + r.x + r.width, at.y + r.y + r.height}; }

struct CopyButton {
  ImRect box;
  Hit hit;
};

// They lie above the text: they come first in the order of the mouse, and are drawn last.
std::vector<CopyButton> press_copy_buttons(Shell& shell, const std::string& id, const text::MarkdownView& view, ImVec2 at) {
  Ui& ui = shell.ui;
  std::vector<CopyButton> out;
  for (const auto& block : view.code_blocks()) {
    const CopyButton& button = out.emplace_back(CopyButton{placed(block.copy_button, at), {}});
    out.back().hit = ui.interact(id + ".copy_code." + std::to_string(out.size() - 1), ui.tr("action.copy"), button.box, true, radius::small);
    if (!button.hit.clicked) continue;
    ui.clipboard.set(block.code);
    shell.controller.say(session::Notice::Kind::info, ui.tr("toast.copied"));
  }
  return out;
}

void draw_copy_button(Ui& ui, const CopyButton& button) {
  const bool lit = button.hit.hovered || button.hit.held;
  if (lit) ui.fill(button.box, ui.color().hover, radius::small);
  const TextLook look{.size = type::small, .color = lit ? ui.color().text : ui.color().text_soft};
  const ImRect& box = button.box;
  ui.text_in(ImRect(box.Min.x, box.Min.y, box.Max.x - ui.px(8), box.Max.y), ui.tr("action.copy"), look, 1);
}

}  // namespace

MarkdownMessage draw_markdown_message(Shell& shell, const std::string& id, text::MarkdownView& view, float width) {
  Ui& ui = shell.ui;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  view.height(width);
  const auto buttons = press_copy_buttons(shell, id, view, at);
  ImGui::SetCursorScreenPos(at);
  const auto result = text::markdown_box("text", view, ui.input, ui.clipboard, width);
  for (const CopyButton& button : buttons) draw_copy_button(ui, button);
  const ImVec2 top = ui.list().GetClipRectMin(), bottom = ui.list().GetClipRectMax();
  for (const auto& link : view.links(top.y - at.y, bottom.y - at.y)) {
    if (ui.focus_stop(id + ".link." + std::to_string(link.number), link.address, placed(link.rect, at))) shell.controller.open_link(link.address);
  }
  if (!result.clicked_link.empty()) shell.controller.open_link(result.clicked_link);
  if (!result.hovered_link.empty()) ui.tooltip(ImRect(ImGui::GetIO().MousePos, ImGui::GetIO().MousePos), result.hovered_link);
  return {result.focused, result.clicked && result.clicked_link.empty()};
}

}  // namespace fabula::gui
