#include "app/gui/panels/memory_dialog.h"

#include <cmath>

namespace fabula::gui {

void MemoryDialog::open(Shell& shell) {
  const session::SessionSettings settings = shell.controller.reply_settings();
  memory_.set_text(settings.memory);
  note_.set_text(settings.note);
  depth_ = settings.note_depth;
  open_ = take_focus_ = true;
  ImGui::OpenPopup("memory");
}

void MemoryDialog::draw(Shell& shell) {
  Ui& ui = shell.ui;
  if (std::exchange(shell.ask.memory, false)) open(shell);
  if (!open_) return;
  if (!ui.begin_dialog("memory", ui.tr("memory.title"), 620, 520)) {
    open_ = false;
    shell.ask.focus_composer = true;
    return;
  }
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x, bottom = ImGui::GetWindowPos().y + ImGui::GetWindowSize().y - ui.px(18);
  Column column{start.x, start.y, width};
  const TextLook name{.size = type::body, .weight = text::FontWeight::semibold}, words{.size = type::small, .color = ui.color().text_soft};
  text::EditBox look{.size_px = ui.px(type::body), .padding = ui.px(9), .max_lines = 0};
  const auto area = [&](const char* id, const char* title, const char* about, const char* hint, text::Editor& editor, float height) {
    ui.text(column.take(ui.px(22)).Min, ui.tr(title), name);
    ui.text(column.take(ui.px(24)).Min, ui.tr(about), words, width);
    look.placeholder = ui.tr(hint);
    return ui.field(id, ui.tr(title), editor, column.take(height, ui.px(14)), look);
  };
  look.take_focus = std::exchange(take_focus_, false);
  bool submitted = area("memory.memory", "memory.memory", "memory.memory_words", "memory.memory_hint", memory_, ui.px(120)).submitted;
  look.take_focus = false;
  submitted = area("memory.note", "memory.note", "memory.note_words", "memory.note_hint", note_, ui.px(84)).submitted || submitted;
  auto depth = static_cast<float>(depth_);
  if (ui.slider("memory.depth", ui.tr("memory.depth"), column.take(ui.px(36)), depth, 0, 20, ui.tr.count("memory.paragraphs", depth_))) {
    depth_ = std::lround(depth);
  }
  const float height = ui.px(34), save = ui.button_width(ui.tr("edit.save"), false), cancel = ui.button_width(ui.tr("action.cancel"), false), right = start.x + width;
  if (ui.button("memory.cancel", ui.tr("action.cancel"), ImRect(right - save - cancel - ui.px(8), bottom - height, right - save - ui.px(8), bottom))) {
    ImGui::CloseCurrentPopup();
  }
  if (ui.button("memory.save", ui.tr("edit.save"), ImRect(right - save, bottom - height, right, bottom), {.kind = ButtonKind::primary}) || submitted) {
    shell.controller.set_memory(memory_.text(), note_.text(), depth_);
    ImGui::CloseCurrentPopup();
  }
  ui.end_dialog();
}

}  // namespace fabula::gui
