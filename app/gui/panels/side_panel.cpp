#include "app/gui/panels/side_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <thread>

#include "app/gui/model_paths.h"
#include "core/compute/executor.h"
#include "core/model/library.h"

namespace fabula::gui {
namespace {

using session::Mode;
using Phase = session::ModelState::Phase;

constexpr size_t plot_samples = 120;

std::string gigabytes(uint64_t bytes) {
  return bytes >= 1'000'000'000 ? fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9) : fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6);
}

std::string shown(float value, int digits) { return fmt::format("{:.{}f}", static_cast<double>(value), digits); }

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& entry : list) out += (out.empty() ? "" : " | ") + entry;
  return out;
}

// "END | \n\n": stop strings stand between bars; \n is a new line.
std::vector<std::string> split_stops(std::string_view text) {
  std::vector<std::string> out;
  std::string one;
  const auto flush = [&] {
    const size_t from = one.find_first_not_of(' '), to = one.find_last_not_of(' ');
    if (from != std::string::npos) out.push_back(one.substr(from, to - from + 1));
    one.clear();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '|') {
      flush();
    } else if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == 'n') {
      one += '\n';
      ++i;
    } else {
      one += text[i];
    }
  }
  flush();
  return out;
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
  if (!reply_changed_ || other) {
    reply_ = shell.controller.reply_settings();
    reply_changed_ = false;
    stop_.set_text(joined(reply_.stop));
    seed_.set_text(reply_.seed ? std::to_string(*reply_.seed) : "");
  }
  if (other || !system_focused_) {
    system_saved_ = shell.controller.system_prompt();
    system_.set_text(system_saved_);
  }
}

void SidePanel::draw(Shell& shell, const ImRect& area) {
  Ui& ui = shell.ui;
  follow_session(shell);
  sample(shell);
  ui.fill(area, ui.color().sidebar);
  ui.hairline(area.Min, ImVec2(area.Min.x, area.Max.y));
  ImGui::SetCursorScreenPos(ImVec2(area.Min.x + 1, area.Min.y));
  if (ImGui::BeginChild("panel", ImVec2(area.GetWidth() - 1, area.GetHeight()))) {
    const ImVec2 start = ImGui::GetCursorScreenPos();
    Column column{start.x + ui.px(space::l), start.y + ui.px(space::s), area.GetWidth() - ui.px(2 * space::l)};
    if (heading(shell, column, "panel.model", "panel.model", open_model_)) draw_model(shell, column);
    if (heading(shell, column, "panel.throughput", "panel.throughput", open_throughput_)) draw_throughput(shell, column);
    if (heading(shell, column, "panel.reply", "panel.reply", open_reply_)) draw_reply(shell, column);
    if (shell.controller.mode() == Mode::chat && heading(shell, column, "panel.system", "panel.system", open_system_)) draw_system(shell, column);
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
  const std::string name = path.empty() ? ui.tr("model.choose") : model::model_name(path);
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
  if (hit.clicked) picker_.open();
  if (hit.hovered && !path.empty()) ui.tooltip(picker, state.name.empty() ? path : state.name + " · " + path);
  picker_.draw(shell, picker);
  draw_model_state(shell, column);
  draw_running(shell, column);
}

void SidePanel::draw_model_state(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const auto& state = shell.controller.frame().model;
  const TextLook small{.size = type::small, .color = ui.color().text_soft};
  if (state.phase == Phase::loading) {
    const ImRect bar = column.take(ui.px(4), ui.px(6));
    ui.fill(bar, ui.color().border, 2);
    ui.fill(ImRect(bar.Min, ImVec2(bar.Min.x + bar.GetWidth() * std::clamp(state.progress, 0.02f, 1.0f), bar.Max.y)), ui.color().accent, 2);
    ui.text(column.take(ui.px(20), ui.px(4)).Min, ui.tr.format("model.loading", {std::to_string(static_cast<int>(state.progress * 100))}), small, column.width);
    ui.wake_at(ui.now() + 0.1);
  } else if (state.phase == Phase::failed) {
    const TextLook look{.size = type::small, .color = ui.color().danger};
    column.y += ui.paragraph(ImVec2(column.x, column.y), state.error, look, column.width) + ui.px(8);
  } else if (state.phase == Phase::ready) {
    std::string line = gigabytes(state.weight_bytes);
    if (!state.precision.empty()) line += " · " + state.precision;
    if (!state.device.empty()) line += " · " + state.device;
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
  const auto most = static_cast<float>(std::max(1u, std::thread::hardware_concurrency()));
  auto threads = static_cast<float>(mode.threads);
  const std::string words = mode.threads == 0 ? ui.tr("model.threads_auto") : std::to_string(mode.threads);
  if (ui.slider("model.threads", ui.tr("model.threads"), column.take(ui.px(36), ui.px(8)), threads, 0, most, words)) {
    const int value = static_cast<int>(std::lround(threads));
    if (value != mode.threads) c.set_threads(value);
  }
}

// ---- replies

void SidePanel::draw_reply(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  auto& s = reply_.sampler;
  const auto number = [&](const char* id, const char* key, float& value, float lowest, float highest, int digits, const char* off_key, float off) {
    const std::string words = off_key != nullptr && value == off ? ui.tr(off_key) : shown(value, digits);
    if (!ui.slider(id, ui.tr(key), column.take(ui.px(36), ui.px(8)), value, lowest, highest, words)) return;
    const float step = std::pow(10.0f, static_cast<float>(-digits));
    value = std::round(value / step) * step;
    reply_changed_ = true;
  };
  number("reply.temperature", "reply.temperature", s.temperature, 0, 2, 2, "reply.greedy", 0);
  auto top_k = static_cast<float>(s.top_k), length = static_cast<float>(reply_.max_tokens);
  number("reply.top_k", "reply.top_k", top_k, 0, 200, 0, "reply.off", 0);
  s.top_k = static_cast<int>(top_k);
  number("reply.top_p", "reply.top_p", s.top_p, 0, 1, 2, "reply.off", 1);
  number("reply.min_p", "reply.min_p", s.min_p, 0, 1, 2, "reply.off", 0);
  number("reply.repeat", "reply.repeat", s.repeat_penalty, 1, 2, 2, "reply.off", 1);
  number("reply.presence", "reply.presence", s.presence_penalty, -2, 2, 2, "reply.off", 0);
  number("reply.frequency", "reply.frequency", s.frequency_penalty, -2, 2, 2, "reply.off", 0);
  const std::string words = reply_.max_tokens <= 0 ? ui.tr("reply.unlimited") : ui.tr.format("reply.tokens", {std::to_string(reply_.max_tokens)});
  if (ui.slider("reply.length", ui.tr("reply.length"), column.take(ui.px(36), ui.px(8)), length, 16, 4096, words, true)) {
    reply_.max_tokens = static_cast<int64_t>(length);
    reply_changed_ = true;
  }
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("reply.seed_auto"), .padding = ui.px(7)};
  ui.text(column.take(ui.px(20)).Min, ui.tr("reply.seed"), {.size = type::small, .color = ui.color().text_soft});
  if (ui.field("reply.seed", ui.tr("reply.seed"), seed_, column.take(ui.px(34), ui.px(10)), look).changed) {
    const std::string text = seed_.text();
    uint64_t seed = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seed);
    const bool fits = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && seed < (uint64_t{1} << 63);
    reply_.seed = fits ? std::optional<uint64_t>(seed) : std::nullopt;
    reply_changed_ = true;
  }
  look.placeholder = ui.tr("reply.stop_hint");
  ui.text(column.take(ui.px(20)).Min, ui.tr("reply.stop"), {.size = type::small, .color = ui.color().text_soft});
  if (ui.field("reply.stop", ui.tr("reply.stop"), stop_, column.take(ui.px(34), ui.px(10)), look).changed) {
    reply_.stop = split_stops(stop_.text());
    reply_changed_ = true;
  }
  if (ui.button("reply.reset", ui.tr("reply.reset"), column.take(ui.px(32), ui.px(12)), {.text_size = type::small})) {
    reply_ = session::SessionSettings{};
    stop_.set_text("");
    seed_.set_text("");
    reply_changed_ = true;
  }
  if (reply_changed_ && !ImGui::IsMouseDown(0)) {  // one change, one step of undo
    reply_changed_ = false;
    shell.controller.set_reply_settings(reply_);
  }
}

void SidePanel::draw_system(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  text::EditBox look{.size_px = ui.px(type::body), .placeholder = ui.tr("panel.system_hint"), .padding = ui.px(9), .max_lines = 0};
  const auto result = ui.field("panel.system_prompt", ui.tr("panel.system"), system_, column.take(ui.px(120), ui.px(12)), look);
  if (system_focused_ && !result.focused && system_.text() != system_saved_) {
    system_saved_ = system_.text();
    shell.controller.set_system(system_saved_);
  }
  system_focused_ = result.focused;
}

// ---- throughput

void SidePanel::sample(Shell& shell) {
  const auto& metrics = shell.controller.frame().metrics;
  if (const auto& path = shell.controller.frame().model.path; path != sampled_model_) {  // another model, another scale
    sampled_model_ = path;
    decode_rates_.clear();
  }
  if (metrics.tokens_generated == sampled_tokens_ || metrics.decode_tokens_per_second <= 0 || shell.ui.now() - sampled_at_ < 0.1) return;
  sampled_tokens_ = metrics.tokens_generated;
  sampled_at_ = shell.ui.now();
  decode_rates_.push_back(static_cast<float>(metrics.decode_tokens_per_second));
  if (decode_rates_.size() > plot_samples) decode_rates_.pop_front();
}

void SidePanel::draw_plot(Shell& shell, const ImRect& box) {
  Ui& ui = shell.ui;
  ui.fill(box, ui.color().raised, radius::control);
  ui.stroke(box, ui.color().border, radius::control);
  if (decode_rates_.size() < 2) return ui.text_in(box, ui.tr("throughput.empty"), {.size = type::small, .color = ui.color().text_faint});
  const float highest = std::max(*std::max_element(decode_rates_.begin(), decode_rates_.end()), 1.0f) * 1.15f;
  const ImRect inner(box.Min.x + ui.px(1), box.Min.y + ui.px(6), box.Max.x - ui.px(1), box.Max.y - ui.px(4));
  const float step = inner.GetWidth() / static_cast<float>(plot_samples - 1);
  const auto place = [&](size_t i) {
    const float x = inner.Max.x - step * static_cast<float>(decode_rates_.size() - 1 - i);
    return ImVec2(x, inner.Max.y - inner.GetHeight() * decode_rates_[i] / highest);
  };
  for (size_t i = 0; i + 1 < decode_rates_.size(); ++i) {
    const ImVec2 a = place(i), b = place(i + 1);
    ui.list().AddQuadFilled(a, b, ImVec2(b.x, inner.Max.y), ImVec2(a.x, inner.Max.y), with_alpha(ui.color().accent, 0.14f));
  }
  for (size_t i = 0; i < decode_rates_.size(); ++i) ui.list().PathLineTo(place(i));
  ui.list().PathStroke(ui.color().accent, 0, ui.px(1.6f));
}

void SidePanel::draw_throughput(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const auto& m = shell.controller.frame().metrics;
  draw_plot(shell, column.take(ui.px(72), ui.px(8)));
  const auto line = [&](const char* key, const std::string& value) {
    const ImRect box = column.take(ui.px(22));
    ui.text_in(box, ui.tr(key), {.size = type::small, .color = ui.color().text_soft}, 0);
    ui.text_in(box, value, {.size = type::small, .weight = text::FontWeight::medium}, 1);
  };
  const auto rate = [&](double value) { return value > 0 ? short_number(value) + " " + ui.tr("unit.tokens_per_second") : std::string("–"); };
  line("throughput.decode", rate(m.decode_tokens_per_second));
  line("throughput.prefill", rate(m.prefill_tokens_per_second));
  std::string bandwidth = m.decode_gb_per_second > 0 ? fmt::format("{:.1f} GB/s", m.decode_gb_per_second) : "–";
  const double share = m.peak_read_gb_per_second > 0 ? m.decode_gb_per_second / m.peak_read_gb_per_second : 0;
  if (share > 0 && share <= 1.05) bandwidth += fmt::format(" · {:.0f} %", 100 * share);
  line("throughput.bandwidth", bandwidth);
  if (m.kv_blocks_total > 0) {
    line("throughput.kv", fmt::format("{} / {}", m.kv_blocks_used * compute::kv_block_tokens, m.kv_blocks_total * compute::kv_block_tokens));
  }
  line("throughput.reused", std::to_string(m.prompt_tokens_reused));
  if (m.workers > 0) line("throughput.workers", std::to_string(m.workers));
  column.y += ui.px(8);
}

}  // namespace fabula::gui
