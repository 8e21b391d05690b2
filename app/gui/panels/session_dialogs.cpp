#include "app/gui/panels/session_dialogs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/gui/panels/session_groups.h"

namespace fabula::gui {
namespace {

using CostAnswer = Controller::CostAnswer;

std::string joined(const std::vector<std::string>& tags) {
  std::string out;
  for (const std::string& tag : tags) out += (out.empty() ? "" : ", ") + tag;
  return out;
}

std::vector<std::string> split(const std::string& typed) {
  std::vector<std::string> out(1);
  for (char c : typed) {
    if (c == ',') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  std::erase_if(out, [](const std::string& tag) { return tag.find_first_not_of(' ') == std::string::npos; });
  return out;
}

// Buttons from the right edge leftwards along the bottom of a dialog.
struct ButtonBar {
  Ui& ui;
  float right, bottom;
  bool add(const char* id, const std::string& label, ButtonKind kind) {
    const float width = ui.button_width(label, false);
    const ImRect box(right - width, bottom - ui.px(34), right, bottom);
    right -= width + ui.px(8);
    return ui.button(id, label, box, {.kind = kind});
  }
};

ButtonBar button_bar(Ui& ui) {
  const ImVec2 at = ImGui::GetWindowPos(), size = ImGui::GetWindowSize();
  return {ui, at.x + size.x - ui.px(20), at.y + size.y - ui.px(18)};
}

}  // namespace

void SessionDialogs::open_asked(Shell& shell) {
  if (shell.controller.cost_question() && !std::exchange(cost_open_, true)) ImGui::OpenPopup("cost");
  if (!shell.ask.label_session.empty()) {
    label_session_ = std::exchange(shell.ask.label_session, {});
    for (const auto& info : *shell.controller.frame().sessions) {
      if (info.id != label_session_) continue;
      folder_.set_text(info.folder);
      tags_.set_text(joined(info.tags));
    }
    take_focus_ = true;
    ImGui::OpenPopup("labels");
  }
}

void SessionDialogs::draw(Shell& shell) {
  open_asked(shell);
  draw_cost(shell);
  draw_labels(shell);
}

void SessionDialogs::draw_cost(Shell& shell) {
  Ui& ui = shell.ui;
  const auto& question = shell.controller.cost_question();
  if (!question) return;
  const auto& o = question->outlook;
  const bool full = !o.fits;
  if (!ui.begin_dialog("cost", ui.tr(full ? "cost.full_title" : "cost.title"), 520, full ? 250 : 190)) {
    cost_open_ = false;  // closed with Esc or its cross
    return shell.controller.answer_cost(CostAnswer::cancel);
  }
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const std::string unread = std::to_string(o.prompt_tokens - o.stored_tokens);
  const std::string words = full ? ui.tr.format("cost.full_words", {std::to_string(o.prompt_tokens), std::to_string(o.context)})
                                 : ui.tr.format("cost.words", {unread, fmt::format("{:.0f}", std::ceil(o.seconds))});
  float y = start.y + ui.paragraph(start, words, {}, ImGui::GetContentRegionAvail().x) + ui.px(10);
  if (full) {
    const char* key = shell.controller.mode() == session::Mode::story ? "cost.full_story" : "cost.full_chat";
    ui.paragraph(ImVec2(start.x, y), ui.tr(key), {.size = type::small, .color = ui.color().text_soft}, ImGui::GetContentRegionAvail().x);
  }
  std::optional<CostAnswer> answer;
  ButtonBar bar = button_bar(ui);
  if (full) {
    if (bar.add("cost.drop", ui.tr("cost.drop"), ButtonKind::primary)) answer = CostAnswer::drop_oldest;
    if (bar.add("cost.longer", ui.tr("cost.longer"), ButtonKind::secondary)) answer = CostAnswer::longer_context;
  } else if (bar.add("cost.go_on", ui.tr("cost.go_on"), ButtonKind::primary)) {
    answer = CostAnswer::go_on;
  }
  if (bar.add("cost.cancel", ui.tr("action.cancel"), ButtonKind::secondary)) answer = CostAnswer::cancel;
  if (answer) ImGui::CloseCurrentPopup();
  ui.end_dialog();
  if (!answer) return;
  cost_open_ = false;
  shell.controller.answer_cost(*answer);
}

void SessionDialogs::draw_labels(Shell& shell) {
  Ui& ui = shell.ui;
  if (!ui.begin_dialog("labels", ui.tr("labels.title"), 440, 300)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  Column column{start.x, start.y, ImGui::GetContentRegionAvail().x};
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("labels.folder_hint"), .padding = ui.px(8), .submit_on_enter = true};
  look.take_focus = std::exchange(take_focus_, false);
  ui.text(column.take(ui.px(22)).Min, ui.tr("labels.folder"), {.size = type::small, .color = ui.color().text_soft});
  const auto folder = ui.field("labels.folder", ui.tr("labels.folder"), folder_, column.take(ui.px(36), ui.px(8)), look);
  float x = column.x;
  int number = 0;
  for (const std::string& name : folders_of(*shell.controller.frame().sessions)) {
    const float width = std::min(ui.button_width(name, false, type::small), column.width);
    if (x + width > column.x + column.width) break;  // the first ones; others can be typed
    if (ui.button("labels.folder." + std::to_string(number++), name, ImRect(x, column.y, x + width, column.y + ui.px(28)), {.text_size = type::small})) folder_.set_text(name);
    x += width + ui.px(6);
  }
  if (number > 0) column.y += ui.px(36);
  look.placeholder = ui.tr("labels.tags_hint");
  look.take_focus = false;
  ui.text(column.take(ui.px(22)).Min, ui.tr("labels.tags"), {.size = type::small, .color = ui.color().text_soft});
  const auto tags = ui.field("labels.tags", ui.tr("labels.tags"), tags_, column.take(ui.px(36), ui.px(8)), look);
  ButtonBar bar = button_bar(ui);
  const bool keep = bar.add("labels.keep", ui.tr("action.save"), ButtonKind::primary) || folder.submitted || tags.submitted;
  if (bar.add("labels.cancel", ui.tr("action.cancel"), ButtonKind::secondary)) ImGui::CloseCurrentPopup();
  if (keep) {
    shell.controller.set_labels(label_session_, folder_.text(), split(tags_.text()));
    ImGui::CloseCurrentPopup();
  }
  ui.end_dialog();
}

}  // namespace fabula::gui
