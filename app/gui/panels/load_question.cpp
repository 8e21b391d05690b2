#include "app/gui/panels/load_question.h"

#include <algorithm>
#include <utility>

#include "app/gui/panels/model_details.h"
#include "app/gui/panels/model_rows.h"
#include "app/gui/remote_desk.h"

namespace fabula::gui {

namespace {

constexpr float width_dp = 520, height_dp = 250, button_dp = 34;

}  // namespace

void choose_model(Shell& shell, const std::string& path) { shell.ask.load_question = path; }

// By what it would take, not by the size of its files: a small model with a long context may be too much, a large file of floats that is
// kept in a smaller type may not.
void LoadQuestion::judge(Shell& shell) {
  const auto& residents = shell.controller.frame().residents;
  const bool is_there = std::ranges::any_of(residents, [this](const session::ResidentModel& model) { return model.path == path_; });
  if (!is_there) {
    FitDesk& fits = shell.models.fits();
    const engine::ModelLoad load = shell.controller.load_of(path_);
    fits.ask(load, {.given_back_bytes = given_back_bytes(shell)});  // how fast it would be is not the question
    const FitReport* report = fits.report_or_null(load);
    if (!report) return;
    report_ = *report;
    fits.forget();  // whoever wants the speeds asks anew
    if (report_->error.empty() && !report_->asked.fits) return ImGui::OpenPopup("load_question");
  }
  shell.controller.load_model(std::exchange(path_, {}));  // which tells what is wrong with it, if anything is
}

void LoadQuestion::draw(Shell& shell) {
  if (!shell.ask.load_question.empty()) {
    path_ = std::exchange(shell.ask.load_question, {});
    report_.reset();
    shell.models.fits().forget();
  }
  if (!path_.empty() && !report_) judge(shell);
  Ui& ui = shell.ui;
  if (!ui.begin_dialog("load_question", ui.tr("fit.question_title"), width_dp, height_dp)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  Column column{start.x, start.y, ImGui::GetContentRegionAvail().x};
  if (report_) draw_answers(shell, *report_, column);
  ui.end_dialog();
}

void LoadQuestion::draw_answers(Shell& shell, const FitReport& report, Column& column) {
  Ui& ui = shell.ui;
  const std::string name = shown_model_name(path_);
  const std::string words = ui.tr.format("fit.question", {name, size_words(report.asked.memory.total()), std::to_string(report.asked.context),
                                                          size_words(report.machine.available_bytes)});
  column.y += ui.paragraph(ImVec2(column.x, column.y), words, {}, column.width) + ui.px(10);
  if (!report.nearest)
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
