#include "app/gui/panels/precision_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "core/compute/precision_report.h"
#include "core/model/model.h"

namespace fabula::gui {

namespace {

using compute::TensorReport;

// Shares of the table's width at which the columns end; the first is left-aligned, the others right.
constexpr std::array<float, 5> column_ends = {0.44f, 0.62f, 0.75f, 0.88f, 1.0f};
constexpr std::array<const char*, 5> column_names = {"precision.tensor", "precision.type", "precision.largest", "precision.lost",
                                                     "precision.error"};

ImRect cell(const ImRect& row, size_t column) {
  const float begin = column == 0 ? 0.0f : column_ends[column - 1];
  return {row.Min.x + begin * row.GetWidth(), row.Min.y, row.Min.x + column_ends[column] * row.GetWidth(), row.Max.y};
}

std::string percent(double share) { return share == 0 ? "0" : share < 1e-4 ? fmt::format("{:.0e}", share) : fmt::format("{:.2f} %", share * 100); }

// The experts of one tensor, and parts of a fused one, are one row: its worst.
std::vector<TensorReport> one_per_tensor(const std::vector<TensorReport>& reports) {
  std::map<std::string, TensorReport> rows;
  for (const TensorReport& report : reports) {
    const auto [at, is_new] = rows.try_emplace(report.name, report);
    if (is_new) continue;
    TensorReport& row = at->second;
    row.max_abs = std::max(row.max_abs, report.max_abs);
    row.f16_flushed_share = std::max(row.f16_flushed_share, report.f16_flushed_share);
    row.f16_overflow_share = std::max(row.f16_overflow_share, report.f16_overflow_share);
    row.relative_error = std::max(row.relative_error, report.relative_error);
  }
  std::vector<TensorReport> out;
  for (auto& [name, row] : rows) out.push_back(std::move(row));
  return out;
}

}  // namespace

PrecisionPanel::~PrecisionPanel() { stop(); }

void PrecisionPanel::stop() {
  if (survey_) survey_->cancel = true;
  if (thread_.joinable()) thread_.join();
  survey_.reset();
}

void PrecisionPanel::start(Shell& shell) {
  stop();
  rows_.clear();
  error_.clear();
  const auto& mode = shell.settings.of(shell.controller.mode());
  const auto precision = compute::precision_from_name(mode.precision);
  const std::filesystem::path path = shell.controller.frame().model.path;
  subject_ = shell.controller.frame().model.name + " · " + mode.precision;
  survey_ = std::make_shared<Survey>();
  thread_ = std::thread([survey = survey_, path, precision = precision.ok() ? *precision : compute::Precision::automatic,
                         fingerprints = shell.controller.places().fingerprint_folder()] {
    const auto model = model::open_model(path, {.fingerprint_folder = fingerprints});
    Result<std::vector<TensorReport>> reports = Error{ErrorCode::not_found, model.ok() ? "" : model.error().message};
    if (model.ok()) reports = compute::report_precision((*model)->spec, *(*model)->source, precision, &survey->cancel);
    const std::lock_guard lock(survey->mutex);
    if (reports.ok()) survey->rows = one_per_tensor(*reports);
    else survey->error = reports.error().message;
    survey->done = true;
  });
}

void PrecisionPanel::take_result() {
  if (!survey_ || !survey_->done) return;
  {
    const std::lock_guard lock(survey_->mutex);
    rows_ = std::move(survey_->rows);
    error_ = std::move(survey_->error);
  }
  stop();
  sort_rows();
}

void PrecisionPanel::sort_rows() {
  const auto before = [this](const TensorReport& a, const TensorReport& b) {
    switch (sort_) {
      case Sort::name: return a.name < b.name;
      case Sort::type: return std::pair(a.effective, a.name) < std::pair(b.effective, b.name);
      case Sort::largest: return a.max_abs > b.max_abs;
      case Sort::lost: return a.f16_flushed_share + a.f16_overflow_share > b.f16_flushed_share + b.f16_overflow_share;
      case Sort::error: return a.relative_error > b.relative_error;
    }
    return false;
  };
  std::stable_sort(rows_.begin(), rows_.end(), before);
}

void PrecisionPanel::draw_heading(Shell& shell, const ImRect& row) {
  Ui& ui = shell.ui;
  for (size_t i = 0; i < column_names.size(); ++i) {
    const ImRect box = cell(row, i);
    const std::string& label = ui.tr(column_names[i]);
    const bool is_sorted = sort_ == static_cast<Sort>(i);
    const Hit hit = ui.interact(column_names[i], label, box);
    const ImU32 color = is_sorted || hit.hovered ? ui.color().text : ui.color().text_soft;
    ui.text_in(box, label, {.size = type::small, .color = color, .weight = text::FontWeight::medium}, i == 0 ? 0.0f : 1.0f);
    if (!hit.clicked) continue;
    sort_ = static_cast<Sort>(i);
    sort_rows();
  }
  ui.hairline(ImVec2(row.Min.x, row.Max.y), row.Max);
}

void PrecisionPanel::draw_row(Shell& shell, const ImRect& row, const TensorReport& tensor) {
  Ui& ui = shell.ui;
  const std::string stored(formats::dtype_info(tensor.stored).name), loaded(formats::dtype_info(tensor.effective).name);
  const std::array<std::string, 5> words = {tensor.name, stored == loaded ? stored : stored + " → " + loaded,
                                            fmt::format("{:.3g}", tensor.max_abs), percent(tensor.f16_flushed_share + tensor.f16_overflow_share),
                                            tensor.relative_error == 0 ? "0" : fmt::format("{:.3f} %", tensor.relative_error * 100)};
  for (size_t i = 0; i < words.size(); ++i) {
    const ImRect box = cell(row, i);
    const ImU32 color = i == 0 || i == 4 ? ui.color().text : ui.color().text_soft;
    if (i == 0) ui.text(ImVec2(box.Min.x, box.Min.y + ui.px(4)), words[i], {.size = type::small, .color = color}, box.GetWidth() - ui.px(8));
    else ui.text_in(box, words[i], {.size = type::small, .color = color}, 1);
  }
  if (ui.hovers(cell(row, 0))) ui.tooltip(cell(row, 0), tensor.name);
}

void PrecisionPanel::draw_table(Shell& shell) {
  Ui& ui = shell.ui;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x - ui.px(18), line = ui.px(26);  // the scrollbar stands beside it
  draw_heading(shell, ImRect(start.x, start.y, start.x + width, start.y + line));
  ImGui::SetCursorScreenPos(ImVec2(start.x, start.y + line + ui.px(4)));
  if (ImGui::BeginChild("precision.rows", ImGui::GetContentRegionAvail())) {
    const ImVec2 top = ImGui::GetCursorScreenPos();
    const ImRect clip = ImGui::GetCurrentWindow()->ClipRect;
    for (size_t i = 0; i < rows_.size(); ++i) {
      const float y = top.y + line * static_cast<float>(i);
      if (y + line >= clip.Min.y && y <= clip.Max.y) draw_row(shell, ImRect(top.x, y, top.x + width, y + line), rows_[i]);
    }
    ImGui::Dummy(ImVec2(1, line * static_cast<float>(rows_.size())));
  }
  ImGui::EndChild();
}

void PrecisionPanel::draw(Shell& shell) {
  Ui& ui = shell.ui;
  if (std::exchange(shell.ask.precision, false)) {
    start(shell);
    ImGui::OpenPopup("precision");
  }
  const bool was_open = std::exchange(is_open_, ui.begin_dialog("precision", ui.tr("precision.title"), 780, 560));
  if (!is_open_) {
    if (was_open) stop();
    return;
  }
  take_result();
  const ImVec2 start = ImGui::GetCursorScreenPos();
  const float width = ImGui::GetContentRegionAvail().x;
  ui.text(start, subject_, {.size = type::small, .color = ui.color().text_soft}, width);
  const float below = ui.paragraph(ImVec2(start.x, start.y + ui.px(22)), ui.tr("precision.about"),
                                   {.size = type::small, .color = ui.color().text_faint}, width);
  ImGui::SetCursorScreenPos(ImVec2(start.x, start.y + ui.px(34) + below));
  if (survey_) {
    ui.wake_at(ui.now() + 0.1);
    ui.text(ImGui::GetCursorScreenPos(), ui.tr("precision.reading"), {.color = ui.color().text_soft}, width);
  } else if (!error_.empty()) {
    ui.paragraph(ImGui::GetCursorScreenPos(), error_, {.color = ui.color().text_soft}, width);
  } else {
    draw_table(shell);
  }
  ui.end_dialog();
}

}  // namespace fabula::gui
