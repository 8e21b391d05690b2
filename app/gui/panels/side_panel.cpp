#include "app/gui/panels/side_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "app/gui/model_paths.h"
#include "core/compute/executor.h"
#include "core/engine/remote_endpoints.h"
#include "core/model/library.h"

namespace fabula::gui {
namespace {

using session::Mode;
using Phase = session::ModelState::Phase;

std::string gigabytes(uint64_t bytes) {
  return bytes >= 1'000'000'000 ? fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9) : fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6);
}

}  // namespace

void SidePanel::follow_session(Shell& shell) {
  const auto& view = shell.controller.frame().view;
  const std::string& session = shell.controller.current();
  const int mode = static_cast<int>(shell.controller.mode());
  const uint64_t revision = view ? view->revision : 0;
  if (session == session_ && revision == revision_ && mode == mode_) return;
  const bool other = session != session_ || mode != mode_;
  session_ = session;
  revision_ = revision;
  mode_ = mode;
  reply_.follow(shell, other);
  system_.follow(shell, other);
}

void SidePanel::draw(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  follow_session(shell);
  throughput_.sample(shell);
  ui.fill(area, ui.color().sidebar);
  ui.hairline(area.Min, ImVec2(area.Min.x, area.Max.y));
  ImGui::SetCursorScreenPos(ImVec2(area.Min.x + 1, area.Min.y));
  if (ImGui::BeginChild("panel", ImVec2(area.GetWidth() - 1, area.GetHeight()))) {
    const ImVec2 start = ImGui::GetCursorScreenPos();
    Column column{start.x + ui.px(space::l), start.y + ui.px(space::s), area.GetWidth() - ui.px(2 * space::l)};
    if (heading(shell, column, "panel.model", "panel.model", open_model_)) draw_model(shell, column);
    if (heading(shell, column, "panel.throughput", "panel.throughput", open_throughput_)) throughput_.draw(shell, column);
    if (heading(shell, column, "panel.context", "panel.context", open_context_)) context_.draw(shell, column);
    if (heading(shell, column, "panel.reply", "panel.reply", open_reply_)) reply_.draw(shell, column);
    if (shell.controller.mode() == Mode::chat && heading(shell, column, "panel.system", "panel.system", open_system_)) system_.draw(shell, column);
    ImGui::SetCursorScreenPos(start);
    ImGui::Dummy(ImVec2(1, column.y - start.y + ui.px(space::xl)));
  }
  ImGui::EndChild();
}

bool SidePanel::heading(Shell& shell, Column& column, const char* id, const char* key, bool& open) {
  Ui& ui = shell.ui;
  if (column.y > ImGui::GetWindowPos().y + ui.px(40)) ui.hairline(ImVec2(column.x, column.y), ImVec2(column.x + column.width, column.y));
  const ImRect box = column.take(ui.px(40));
  const Hit hit = ui.interact(id, ui.tr(key), box);
  if (hit.clicked) open = !open;
  ui.text_in(box, ui.tr(key), {.size = type::small, .color = hit.hovered ? ui.color().text : ui.color().text_soft, .weight = text::FontWeight::semibold}, 0);
  ui.icon(open ? Icon::chevron_down : Icon::chevron_right, ImRect(box.Max.x - ui.px(18), box.Min.y, box.Max.x, box.Max.y), 13, ui.color().text_faint);
  return open;
}

// ---- model

void SidePanel::draw_model(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const auto& state = shell.controller.frame().model;
  const std::string& path = shell.settings.of(shell.controller.mode()).model;
  const std::string name = path.empty() ? ui.tr("model.choose") : shown_model_name(path);
  const ImRect picker = column.take(ui.px(40), ui.px(6));
  const Hit hit = ui.interact("model.picker", name, picker);
  ui.fill(picker, ui.color().raised, radius::control);
  ui.stroke(picker, hit.hovered ? ui.color().outline : ui.color().border, radius::control);
  ui.icon(Icon::cube, ImRect(picker.Min.x + ui.px(8), picker.Min.y, picker.Min.x + ui.px(30), picker.Max.y), 17, ui.color().accent);
  const float left = picker.Min.x + ui.px(36), right = picker.Max.x - ui.px(28);
  const TextLook look{.color = path.empty() ? ui.color().text_soft : ui.color().text, .weight = text::FontWeight::medium};
  const float line = ui.measure(name, look).y;
  ui.text(ImVec2(left, picker.GetCenter().y - line / 2), name, look, right - left);
  ui.icon(Icon::chevron_down, ImRect(picker.Max.x - ui.px(26), picker.Min.y, picker.Max.x - ui.px(8), picker.Max.y), 14, ui.color().text_soft);
  if (hit.clicked) picker_.open(shell);
  if (hit.hovered && !path.empty()) ui.tooltip(picker, state.name.empty() ? path : state.name + " · " + path);
  picker_.draw(shell, picker);
  draw_model_state(shell, column);
  // How a model elsewhere runs is its server's business.
  if (!engine::remote_name_or_none(path)) draw_running(shell, column);
}

void SidePanel::draw_model_state(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const auto& state = shell.controller.frame().model;
  const TextLook small{.size = type::small, .color = ui.color().text_soft};
  if (state.phase == Phase::loading) {
    const ImRect bar = column.take(ui.px(4), ui.px(6));
    ui.fill(bar, ui.color().border, 2);
    ui.fill(ImRect(bar.Min, ImVec2(bar.Min.x + bar.GetWidth() * std::clamp(state.progress, 0.02f, 1.0f), bar.Max.y)), ui.color().accent, 2);
    const ImRect row = column.take(ui.px(26), ui.px(4));
    const std::string& cancel = ui.tr("action.cancel");
    const float button = ui.button_width(cancel, false, type::small);
    ui.text_in(ImRect(row.Min, ImVec2(row.Max.x - button, row.Max.y)), ui.tr.format("model.loading", {std::to_string(static_cast<int>(state.progress * 100))}), small, 0);
    if (ui.button("model.cancel_load", cancel, ImRect(row.Max.x - button, row.Min.y, row.Max.x, row.Max.y), {.kind = ButtonKind::ghost, .text_size = type::small}))
      shell.controller.cancel_load();
    ui.wake_at(ui.now() + 0.1);
  } else if (state.phase == Phase::failed) {
    const TextLook look{.size = type::small, .color = ui.color().danger};
    column.y += ui.paragraph(ImVec2(column.x, column.y), state.error, look, column.width) + ui.px(8);
  } else if (state.phase == Phase::asleep) {
    column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr("model.asleep"), small, column.width) + ui.px(6);
  } else if (state.phase == Phase::ready && state.remote) {
    column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr("model.remote"), small, column.width) + ui.px(6);
  } else if (state.phase == Phase::ready) {
    std::string line = gigabytes(state.weight_bytes);
    if (!state.precision.empty()) line += " · " + state.precision;
    if (!state.device.empty()) line += " · " + state.device;
    if (state.gpu_layers > 0 && state.gpu_layers < state.layers)
      line += " · " + ui.tr.format("model.layers_of", {std::to_string(state.gpu_layers), std::to_string(state.layers)});
    line += " · " + ui.tr.format("model.context", {std::to_string(state.context)});
    column.y += ui.paragraph(ImVec2(column.x, column.y), line, small, column.width) + ui.px(6);
    if (shell.controller.mode() == Mode::chat && !state.has_chat_template) {
      std::string why = ui.tr("model.no_template");
      if (!state.chat_template_error.empty()) why += " " + state.chat_template_error;
      column.y += ui.paragraph(ImVec2(column.x, column.y), why, {.size = type::small, .color = ui.color().warning}, column.width) + ui.px(6);
    }
  }
}

void SidePanel::draw_running(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  Controller& c = shell.controller;
  ModeSettings& mode = shell.settings.of(c.mode());
  const ImRect label = column.take(ui.px(20));
  ui.text(label.Min, ui.tr("model.precision"), {.size = type::small, .color = ui.color().text_soft});
  const std::span<const std::string_view> precisions = compute::precision_names();
  std::vector<std::string> names;
  int current = 0;
  for (size_t i = 0; i < precisions.size(); ++i) {
    names.emplace_back(i == 0 ? std::string_view(ui.tr("model.precision_auto")) : precisions[i]);
    if (mode.precision == precisions[i]) current = static_cast<int>(i);
  }
  const ImRect row = column.take(ui.px(34), ui.px(10));
  const float details = ui.px(34);
  const ImRect picker(row.Min, ImVec2(row.Max.x - details - ui.px(6), row.Max.y));
  const int chosen = ui.choice("model.precision", ui.tr("model.precision"), picker, names, current);
  if (ui.button("model.precision_details", "…", ImRect(ImVec2(row.Max.x - details, row.Min.y), row.Max),
                {.enabled = !c.frame().model.path.empty(), .tooltip = ui.tr("precision.title")}))
    shell.ask.precision = true;
  if (chosen >= 0 && chosen != current) {
    mode.precision = std::string(precisions[static_cast<size_t>(chosen)]);
    c.save_settings();
    c.reload_model();
  }
  draw_context(shell, column);
  device_.draw(shell, column);
  const auto most = static_cast<float>(std::max(1u, std::thread::hardware_concurrency()));
  auto threads = static_cast<float>(mode.threads);
  const std::string words = mode.threads == 0 ? ui.tr("model.threads_auto") : std::to_string(mode.threads);
  if (ui.slider("model.threads", ui.tr("model.threads"), column.take(ui.px(36), ui.px(8)), threads, 0, most, words)) {
    const int value = static_cast<int>(std::lround(threads));
    if (value != mode.threads) c.set_threads(value);
  }
}

// The context that the model is loaded with: 0 is the model's own.
void SidePanel::draw_context(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  ModeSettings& mode = shell.settings.of(shell.controller.mode());
  ui.text(column.take(ui.px(20)).Min, ui.tr("model.context_size"), {.size = type::small, .color = ui.color().text_soft});
  std::vector<int64_t> sizes = {0, 2048, 4096, 8192, 16384, 32768, 65536, 131072};
  if (std::find(sizes.begin(), sizes.end(), mode.context) == sizes.end()) sizes.push_back(mode.context);
  std::vector<std::string> names;
  for (int64_t size : sizes) names.push_back(size == 0 ? ui.tr("model.context_auto") : ui.tr.format("reply.tokens", {std::to_string(size)}));
  const auto current = static_cast<int>(std::find(sizes.begin(), sizes.end(), mode.context) - sizes.begin());
  const int chosen = ui.choice("model.context", ui.tr("model.context_size"), column.take(ui.px(34), ui.px(10)), names, current);
  if (chosen < 0 || chosen == current) return;
  mode.context = sizes[static_cast<size_t>(chosen)];
  shell.controller.save_settings();
  shell.controller.reload_model();
}

}  // namespace fabula::gui
