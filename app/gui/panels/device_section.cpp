#include "app/gui/panels/device_section.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace fabula::gui {

namespace {

constexpr double fresh_seconds = 10;  // what is free on a GPU is asked again after that, while somebody looks
using Phase = session::ModelState::Phase;

std::string gigabytes(uint64_t bytes) { return fmt::format("{:.1f}", static_cast<double>(bytes) / 1e9); }

}  // namespace

void DeviceSection::ask(Ui& ui) {
  if (answer_.valid()) {
    ui.wake_at(ui.now() + 0.1);
    if (answer_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) gpus_ = answer_.get();
  } else if (asked_at_ < 0 || ui.now() - asked_at_ > fresh_seconds) {
    asked_at_ = ui.now();
    answer_ = std::async(std::launch::async, engine::list_gpus);
  }
}

void DeviceSection::draw(Shell& shell, Column& column) {
  ask(shell.ui);
  const std::string& device = shell.settings.of(shell.controller.mode()).device;
  if (gpus_.empty() && (device == "auto" || device == "cpu")) return;
  draw_picker(shell, column);
  if (gpus_.empty() || device == "cpu") return;
  draw_memory(shell, column);
  draw_layers(shell, column);
}

void DeviceSection::draw_picker(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  std::string& device = shell.settings.of(shell.controller.mode()).device;
  ui.text(column.take(ui.px(20)).Min, ui.tr("model.device"), {.size = type::small, .color = ui.color().text_soft});
  std::vector<std::string> values = {"auto", "cpu"}, names = {ui.tr("model.device_auto"), ui.tr("model.device_cpu")};
  for (const engine::Gpu& gpu : gpus_) {
    values.push_back("cuda:" + std::to_string(gpu.index));
    names.push_back(gpu.name);
  }
  const std::string chosen_now = device == "cuda" ? "cuda:0" : device;
  auto current = std::find(values.begin(), values.end(), chosen_now);
  if (current == values.end()) {  // one that is not there any more
    values.push_back(device);
    names.push_back(ui.tr.format("model.device_absent", {device}));
    current = values.end() - 1;
  }
  const auto index = static_cast<int>(current - values.begin());
  const int chosen = ui.choice("model.device", ui.tr("model.device"), column.take(ui.px(34), ui.px(6)), names, index);
  if (chosen < 0 || chosen == index) return;
  device = values[static_cast<size_t>(chosen)];
  shell.controller.save_settings();
  shell.controller.reload_model();
}

void DeviceSection::draw_memory(Shell& shell, Column& column) const {
  Ui& ui = shell.ui;
  const TextLook soft{.size = type::small, .color = ui.color().text_faint};
  for (const engine::Gpu& gpu : gpus_)
    column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr.format("model.device_memory", {gpu.name, gigabytes(gpu.free_bytes), gigabytes(gpu.total_bytes)}),
                             soft, column.width) + ui.px(4);
  column.y += ui.px(4);
}

// -1, one step left of nothing, is what fits.
void DeviceSection::draw_layers(Shell& shell, Column& column) const {
  Ui& ui = shell.ui;
  ModeSettings& mode = shell.settings.of(shell.controller.mode());
  const session::ModelState& state = shell.controller.frame().model;
  if (state.phase != Phase::ready || state.layers == 0) return;
  const std::string on_gpu = ui.tr.format("model.layers_of", {std::to_string(state.gpu_layers), std::to_string(state.layers)});
  const std::string words = mode.gpu_layers < 0 ? ui.tr.format("model.layers_auto", {on_gpu}) : std::to_string(mode.gpu_layers);
  auto layers = static_cast<float>(std::min(mode.gpu_layers, state.layers));
  if (!ui.slider("model.gpu_layers", ui.tr("model.gpu_layers"), column.take(ui.px(36), ui.px(8)), layers, -1, static_cast<float>(state.layers), words)) return;
  const auto value = static_cast<int64_t>(std::lround(layers));
  if (value == mode.gpu_layers) return;
  mode.gpu_layers = value;  // takes effect with the next load: a slider passes many numbers on its way
  shell.controller.save_settings();
}

}  // namespace fabula::gui
