#include "app/gui/panels/system_section.h"

namespace fabula::gui {

void SystemSection::follow(Shell& shell, bool other_session) {
  if (!other_session && focused_) return;
  saved_ = shell.controller.system_prompt();
  if (text_.text() != saved_) text_.set_text(saved_);
}

void SystemSection::draw(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const auto& list = shell.presets.prompts();
  std::vector<PresetRow::Entry> entries;
  int current = -1;
  const std::string now = text_.text();
  for (const auto& preset : list) {
    if (current < 0 && preset.text == now) current = static_cast<int>(entries.size());
    entries.push_back({preset.name, preset.own});
  }
  const auto result = presets_.draw(shell, column, "panel.prompt_preset", entries, current);
  using Act = PresetRow::Result::Act;
  if (result.act == Act::take) {
    text_.set_text(list[result.index].text);
    keep(shell);
  } else if (result.act == Act::save) {
    shell.presets.save(PromptPreset{result.name, now, true});
    shell.ask.save_presets = true;
  } else if (result.act == Act::remove) {
    shell.presets.remove_prompt(std::string(list[result.index].name));
    shell.ask.save_presets = true;
  }
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("panel.system_hint"), .padding = ui.px(9), .max_lines = 0};
  const auto field = ui.field("panel.system_prompt", ui.tr("panel.system"), text_, column.take(ui.px(120), ui.px(8)), look);
  if (focused_ && !field.focused) keep(shell);
  focused_ = field.focused;
  if (!text_.empty() && ui.button("panel.system_reset", ui.tr("panel.system_reset"), column.take(ui.px(30), ui.px(12)), {.text_size = type::small})) {
    text_.set_text("");
    keep(shell);
  }
}

void SystemSection::keep(Shell& shell) {
  if (text_.text() == saved_) return;
  saved_ = text_.text();
  shell.controller.set_system(saved_);
}

}  // namespace fabula::gui
