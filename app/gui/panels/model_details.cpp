#include "app/gui/panels/model_details.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/gui/panels/model_rows.h"
#include "core/model/quantise.h"

namespace fabula::gui {

namespace {

constexpr float row_dp = 30, indent_dp = 22;
constexpr std::array columns{0.0f, 0.24f, 0.42f, 0.6f};  // precision, context, memory, tokens/s: where they begin

bool is_float(const std::string& type) { return type == "F32" || type == "F16" || type == "BF16"; }

std::string precision_words(const Ui& ui, compute::Precision precision) {
  return precision == compute::Precision::automatic ? ui.tr("model.precision_auto") : std::string(compute::precision_name(precision));
}

std::string speed_words(double tokens_per_second) {
  if (tokens_per_second <= 0) return "–";
  return short_number(tokens_per_second);
}

void draw_cells(Ui& ui, const ImRect& row, const std::array<std::string, columns.size()>& cells, const TextLook& look) {
  for (size_t i = 0; i < cells.size(); ++i) {
    const float begin = row.Min.x + row.GetWidth() * columns[i], end = row.Min.x + row.GetWidth() * (i + 1 < columns.size() ? columns[i + 1] : 0.78f);
    ui.text_in(ImRect(begin, row.Min.y, end, row.Max.y), cells[i], look, 0);
  }
}

// "perplexity 8.31 → 8.36 (+0.6 %)", or why it was not measured.
std::string outcome_words(const Ui& ui, const Quantising& now) {
  if (now.change)
    return ui.tr.format("quantise.perplexity", {fmt::format("{:.3f}", now.change->before.perplexity()), fmt::format("{:.3f}", now.change->after.perplexity()),
                                                fmt::format("{:+.2f}", now.change->percent())});
  return ui.tr.format("quantise.not_measured", {now.error});
}

}  // namespace

void ask_fit(Shell& shell, const std::string& path) {
  const engine::Metrics& metrics = shell.controller.frame().metrics;
  shell.models.fits().ask(shell.controller.load_of(path),
                          {metrics.peak_read_gb_per_second * 1e9, metrics.active_requests == 0, given_back_bytes(shell)});
}

uint64_t given_back_bytes(const Shell& shell) {
  const std::string& own = shell.settings.of(shell.controller.mode()).model;
  uint64_t bytes = 0;
  for (const session::ResidentModel& model : shell.controller.frame().residents)
    if (!model.in_use || model.path == own) bytes += model.bytes;
  return bytes;
}

std::string fit_words(const Ui& ui, const engine::Fit& fit) {
  std::string words = precision_words(ui, fit.precision) + ", " + ui.tr.format("model.context", {std::to_string(fit.context)});
  if (fit.kv_precision == compute::KvPrecision::q8_0) words += ", KV q8_0";
  return words;
}

void load_as(Shell& shell, const std::string& path, const engine::Fit& fit) {
  ModeSettings& mode = shell.settings.of(shell.controller.mode());
  mode.precision = compute::precision_name(fit.precision);
  mode.context = fit.context;
  mode.kv_precision = compute::kv_precision_name(fit.kv_precision);
  shell.controller.load_model(path);
}

void ModelDetails::draw(Shell& shell, Column& column, const model::LibraryEntry& entry) {
  Ui& ui = shell.ui;
  Column inner{column.x + ui.px(indent_dp), column.y + ui.px(4), column.width - ui.px(indent_dp)};
  draw_table(shell, inner, entry);
  if (is_float(entry.card.type)) draw_quantise(shell, inner, entry);
  column.y = inner.y + ui.px(8);
}

void ModelDetails::draw_table(Shell& shell, Column& column, const model::LibraryEntry& entry) {
  Ui& ui = shell.ui;
  const std::string path = entry.path.string();
  ask_fit(shell, path);
  const FitReport* report = shell.models.fits().report_or_null(shell.controller.load_of(path));
  if (!report) {
    ui.text(column.take(ui.px(row_dp)).Min, ui.tr("fit.working"), {.color = ui.color().text_soft}, column.width);
    return;
  }
  if (!report->error.empty()) {
    column.y += ui.paragraph(ImVec2(column.x, column.y), report->error, {.size = type::small, .color = ui.color().danger}, column.width) + ui.px(8);
    return;
  }
  draw_cells(ui, column.take(ui.px(24)), {ui.tr("model.precision"), ui.tr("model.context_size"), ui.tr("fit.memory"), ui.tr("fit.speed")},
             {.size = type::caption, .color = ui.color().text_faint, .weight = text::FontWeight::semibold});
  const std::string& load = ui.tr("fit.load");
  const float button = ui.button_width(load, false, type::small);
  int number = 0;
  for (const engine::Fit& fit : report->table) {
    const ImRect row = column.take(ui.px(row_dp));
    const bool asked = fit.precision == report->asked.precision && fit.context == report->asked.context;
    if (asked) ui.fill(row, ui.color().accent_soft, radius::small);
    const ImU32 ink = fit.fits ? ui.color().text : ui.color().warning;
    draw_cells(ui, ImRect(ImVec2(row.Min.x + ui.px(8), row.Min.y), row.Max),
               {precision_words(ui, fit.precision), std::to_string(fit.context), size_words(fit.memory.total()), speed_words(fit.tokens_per_second)},
               {.size = type::small, .color = ink});
    const std::string id = "fit." + std::to_string(number++);
    const ImRect box(row.Max.x - button, row.Min.y + ui.px(3), row.Max.x, row.Max.y - ui.px(3));
    if (ui.button(id, load, box, {.tooltip = fit.fits ? std::string_view() : std::string_view(ui.tr("models.too_large")), .text_size = type::small})) {
      load_as(shell, path, fit);
      ImGui::CloseCurrentPopup();
    }
  }
  const std::string words = ui.tr.format("fit.machine", {size_words(report->machine.available_bytes), fmt::format("{:.1f}", report->machine.read_bytes_per_second / 1e9)});
  column.y += ui.paragraph(ImVec2(column.x, column.y + ui.px(2)), words, {.size = type::small, .color = ui.color().text_faint}, column.width) + ui.px(10);
}

void ModelDetails::draw_quantise(Shell& shell, Column& column, const model::LibraryEntry& entry) {
  Ui& ui = shell.ui;
  const auto types = model::quantise_types();
  std::vector<std::string> names;
  for (const formats::DType type : types) names.emplace_back(formats::dtype_info(type).name);
  if (type_ < 0) type_ = static_cast<int>(std::ranges::find(types, formats::DType::q4_k) - types.begin());
  const std::string& words = ui.tr("quantise.start");
  const float button = ui.button_width(words, false), choice = ui.px(130);
  const ImRect row = column.take(ui.px(34), ui.px(6));
  ui.text_in(ImRect(row.Min, ImVec2(row.Max.x - button - choice - ui.px(16), row.Max.y)), ui.tr("quantise.words"), {.size = type::small, .color = ui.color().text_soft}, 0);
  const ImRect list(row.Max.x - button - choice - ui.px(8), row.Min.y, row.Max.x - button - ui.px(8), row.Max.y);
  if (const int chosen = ui.choice("quantise.type", ui.tr("model.precision"), list, names, type_); chosen >= 0) type_ = chosen;
  QuantiseDesk& desk = shell.models.quantiser();
  if (!ui.button("quantise.start", words, ImRect(row.Max.x - button, row.Min.y, row.Max.x, row.Max.y), {.enabled = !desk.now().running()})) return;
  const formats::DType type = types[static_cast<size_t>(type_)];
  desk.start(entry.path, type, quantised_path(shell.controller.places().models_folder(), model::model_name(entry.path), type), [&shell] { shell.models.look_again(); });
}

void draw_quantising(Shell& shell, Column& column) {
  using Phase = Quantising::Phase;
  Ui& ui = shell.ui;
  QuantiseDesk& desk = shell.models.quantiser();
  const Quantising& now = desk.now();
  if (now.phase == Phase::none) return;
  const ImRect row = column.take(ui.px(56), ui.px(6));
  const float button = ui.px(28), right = row.Max.x - button - ui.px(12);
  ui.text(ImVec2(row.Min.x, row.Min.y + ui.px(4)), now.out.filename().string(), {.weight = text::FontWeight::medium}, right - row.Min.x);
  const std::string percent = std::to_string(static_cast<int>(now.fraction * 100));
  const std::string words = now.phase == Phase::writing     ? ui.tr.format("quantise.writing", {percent})
                            : now.phase == Phase::measuring ? ui.tr.format("quantise.measuring", {percent})
                            : now.phase == Phase::failed    ? now.error
                                                            : outcome_words(ui, now);
  ui.text(ImVec2(row.Min.x, row.Min.y + ui.px(24)), words, {.size = type::small, .color = now.phase == Phase::failed ? ui.color().danger : ui.color().text_soft}, right - row.Min.x);
  const ImRect box(row.Max.x - button, row.GetCenter().y - button / 2, row.Max.x, row.GetCenter().y + button / 2);
  if (!now.running()) {
    if (ui.icon_button("quantise.dismiss", Icon::check, ui.tr("download.dismiss"), box)) desk.dismiss();
    return;
  }
  const ImRect bar(row.Min.x, row.Min.y + ui.px(46), right, row.Min.y + ui.px(50));
  ui.fill(bar, ui.color().border, 2);
  ui.fill(ImRect(bar.Min, ImVec2(bar.Min.x + bar.GetWidth() * std::clamp(static_cast<float>(now.fraction), 0.0f, 1.0f), bar.Max.y)), ui.color().accent, 2);
  if (ui.icon_button("quantise.cancel", Icon::close, ui.tr("action.cancel"), box)) desk.cancel();
}

}  // namespace fabula::gui
