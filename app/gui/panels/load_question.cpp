#include "app/gui/panels/load_question.h"

#include "app/gui/panels/model_details.h"
#include "app/gui/panels/model_rows.h"
#include "app/gui/remote_desk.h"

namespace fabula::gui {

namespace {

constexpr float width_dp = 520, height_dp = 250, button_dp = 34;

}  // namespace

void choose_model(Shell& shell, const std::string& path, uint64_t bytes) {
  if (shell.models.too_large(bytes)) {
    shell.models.fits().forget();
    shell.ask.load_question = path;
  } else {
    shell.controller.load_model(path);
  }
}

void LoadQuestion::draw(Shell& shell) {
  if (!shell.ask.load_question.empty()) {
    path_ = std::exchange(shell.ask.load_question, {});
    ImGui::OpenPopup("load_question");
  }
  Ui& ui = shell.ui;
  if (!ui.begin_dialog("load_question", ui.tr("fit.question_title"), width_dp, height_dp)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  Column column{start.x, start.y, ImGui::GetContentRegionAvail().x};
  ask_fit(shell, path_);
  const FitReport* report = shell.models.fits().report_or_null(shell.controller.load_of(path_));
  if (!report) {
    ui.text(column.take(ui.px(28)).Min, ui.tr("fit.working"), {.color = ui.color().text_soft}, column.width);
  } else if (report->error.empty() && report->asked.fits) {
    shell.controller.load_model(path_);  // its files are large, what it keeps in memory is not
    ImGui::CloseCurrentPopup();
  } else {
    draw_answers(shell, *report, column);
  }
  ui.end_dialog();
}

void LoadQuestion::draw_answers(Shell& shell, const FitReport& report, Column& column) {
  Ui& ui = shell.ui;
  const std::string name = shown_model_name(path_);
  const std::string words = report.error.empty()
                                ? ui.tr.format("fit.question", {name, size_words(report.asked.memory.total()), std::to_string(report.asked.context),
                                                                size_words(report.machine.available_bytes)})
                                : report.error;
  column.y += ui.paragraph(ImVec2(column.x, column.y), words, {}, column.width) + ui.px(10);
  if (report.error.empty() && !report.nearest)
    column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr("fit.no_alternative"), {.color = ui.color().text_soft}, column.width);
  const float bottom = ImGui::GetWindowPos().y + ImGui::GetWindowSize().y - ui.px(18), height = ui.px(button_dp), gap = ui.px(8);
  float right = column.x + column.width;
  const auto place = [&](float width) {
    const ImRect box(right - width, bottom - height, right, bottom);
    right = box.Min.x - gap;
    return box;
  };
  const std::string& anyway = ui.tr("fit.load_anyway");
  if (report.nearest) {
    const std::string& other = ui.tr("fit.load_alternative");
    const std::string details = fit_words(ui, *report.nearest);
    ui.paragraph(ImVec2(column.x, column.y), ui.tr.format("fit.alternative", {details, size_words(report.nearest->memory.total())}),
                 {.color = ui.color().text_soft}, column.width);
    if (ui.button("fit.alternative", other, place(ui.button_width(other, false)), {.kind = ButtonKind::primary})) {
      load_as(shell, path_, *report.nearest);
      ImGui::CloseCurrentPopup();
    }
  }
  if (ui.button("fit.anyway", anyway, place(ui.button_width(anyway, false)))) {
    shell.controller.load_model(path_);
    ImGui::CloseCurrentPopup();
  }
  const std::string& cancel = ui.tr("action.cancel");
  if (ui.button("fit.cancel", cancel, place(ui.button_width(cancel, false)), {.kind = ButtonKind::ghost})) ImGui::CloseCurrentPopup();
}

}  // namespace fabula::gui
