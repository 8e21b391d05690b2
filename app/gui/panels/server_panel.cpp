#include "app/gui/panels/server_panel.h"

#include <algorithm>

namespace fabula::gui {
namespace {

constexpr size_t kept_lines = 200;
constexpr float row_dp = 34, gap_dp = 10;
constexpr const char* everywhere = "0.0.0.0";
constexpr const char* here = "127.0.0.1";

std::vector<std::string> split_origins(const std::string& text) {
  std::vector<std::string> origins;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of(", \n", at), text.size());
    if (end > at) origins.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return origins;
}

std::string joined(const std::vector<std::string>& origins) {
  std::string text;
  for (const auto& origin : origins) text += (text.empty() ? "" : ", ") + origin;
  return text;
}

void to_clipboard(Shell& shell, const std::string& words) {
  shell.ui.clipboard.set(words);
  shell.controller.say(session::Notice::Kind::info, shell.ui.tr("toast.copied"));
}

}  // namespace

void RequestLog::add(const std::string& line) {
  const std::lock_guard lock(mutex_);
  lines_.push_back(line);
  if (lines_.size() > kept_lines) lines_.pop_front();
}

std::vector<std::string> RequestLog::lines() const {
  const std::lock_guard lock(mutex_);
  return {lines_.begin(), lines_.end()};
}

void RequestLog::clear() {
  const std::lock_guard lock(mutex_);
  lines_.clear();
}

ServerPanel::ServerPanel(text::TextEngine& engine) : port_(engine), origins_(engine) {
  port_.set_single_line(true);
  origins_.set_single_line(true);
}

bool ServerPanel::read_port(Shell& shell) {
  const std::string text = port_.text();
  const bool digits = !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string::npos;
  const int port = digits ? std::stoi(text) : 0;
  if (port < 1 || port > 65535) {
    shell.controller.say(session::Notice::Kind::error, shell.ui.tr("server.bad_port"));
    return false;
  }
  shell.settings.server_port = port;
  shell.settings.server_origins = split_origins(origins_.text());
  return true;
}

void ServerPanel::start(Shell& shell) {
  Settings& s = shell.settings;
  session::ListenRequest request;
  request.host = s.server_network ? everywhere : here;
  request.port = s.server_port;
  request.allow_origins = s.server_origins;
  request.log_text = s.server_log_text;
  if (s.server_ask_key || s.server_network) request.api_key = key_;
  state_ = State::starting;
  log_->clear();
  const auto log = [lines = log_, wake = shell.controller.waker()](const std::string& line) {
    lines->add(line);
    wake();
  };
  shell.controller.listen(std::move(request), log, [this, &shell](Result<int> port) {
    state_ = port.ok() ? State::on : State::off;
    open_port_ = port.ok() ? *port : 0;
    shell.settings.server_on = port.ok();
    shell.controller.save_settings();
    if (!port.ok()) shell.controller.say(session::Notice::Kind::error, port.error().message);
  });
}

void ServerPanel::stop(Shell& shell) {
  shell.controller.stop_listening();
  state_ = State::off;
  shell.settings.server_on = false;
  shell.controller.save_settings();
}

void ServerPanel::begin(Shell& shell) {
  port_.set_text(std::to_string(shell.settings.server_port));
  origins_.set_text(joined(shell.settings.server_origins));
  take_key(shell, load_or_make_server_key, [this, &shell] {
    begun_ = true;
    if (shell.settings.server_on) start(shell);
  });
}

void ServerPanel::take_key(Shell& shell, ServerKey (*make)(const Places&), std::function<void()> then) {
  Background& background = shell.controller.background();
  background.run([this, &background, &shell, make, places = shell.controller.places(), then = std::move(then)] {
    background.post([this, &shell, made = make(places), then] {
      key_ = made.text;
      if (!made.kept.ok()) shell.controller.say(session::Notice::Kind::warning, shell.ui.tr.format("server.key_not_kept", {made.kept.error().message}));
      if (then) then();
    });
  });
}

void ServerPanel::draw(Shell& shell) {
  if (!asked_ && shell.controller.ready()) {
    asked_ = true;
    begin(shell);
  }
  if (std::exchange(shell.ask.server, false)) ImGui::OpenPopup("server");
  Ui& ui = shell.ui;
  if (!ui.begin_dialog("server", ui.tr("server.title"), 560, 600)) return;
  const ImVec2 start = ImGui::GetCursorScreenPos();
  Column column{start.x, start.y, ImGui::GetContentRegionAvail().x};
  draw_switch(shell, column);
  if (state_ == State::on)
    draw_address(shell, column);
  else
    draw_setup(shell, column);
  draw_key(shell, column);
  draw_log(shell, column);
  ui.end_dialog();
}

void ServerPanel::draw_switch(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  column.y += ui.paragraph(ImVec2(column.x, column.y), ui.tr("server.words"), {.size = type::small, .color = ui.color().text_soft}, column.width) + ui.px(gap_dp);
  bool on = state_ != State::off;
  if (!ui.toggle("server.on", ui.tr("server.on"), column.take(ui.px(row_dp), ui.px(gap_dp)), on)) return;
  if (!on) return stop(shell);
  if (begun_ && read_port(shell)) start(shell);
}

void ServerPanel::draw_address(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  const std::string address = std::string("http://") + (shell.settings.server_network ? everywhere : here) + ":" + std::to_string(open_port_) + "/v1";
  const ImRect row = column.take(ui.px(row_dp), ui.px(gap_dp));
  const float button = ui.button_width(ui.tr("action.copy"), true);
  ui.text_in(ImRect(row.Min, ImVec2(row.Min.x + column.width * 0.3f, row.Max.y)), ui.tr("server.address"), {}, 0);
  ui.text_in(ImRect(row.Min.x + column.width * 0.3f, row.Min.y, row.Max.x - button, row.Max.y), address, {.family = text::FontFamily::mono}, 0);
  if (ui.button("server.copy_address", ui.tr("action.copy"), ImRect(row.Max.x - button, row.Min.y, row.Max.x, row.Max.y), {.icon = Icon::copy})) {
    to_clipboard(shell, address);
  }
}

void ServerPanel::draw_setup(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  Settings& s = shell.settings;
  const auto labelled = [&](const char* key) {
    const ImRect row = column.take(ui.px(row_dp), ui.px(gap_dp));
    ui.text_in(ImRect(row.Min, ImVec2(row.Min.x + column.width * 0.3f, row.Max.y)), ui.tr(key), {}, 0);
    return ImRect(row.Min.x + column.width * 0.3f, row.Min.y, row.Max.x, row.Max.y);
  };
  const int reach = ui.choice("server.reach", ui.tr("server.reach"), labelled("server.reach"),
                              {ui.tr("server.reach_local"), ui.tr("server.reach_network")}, s.server_network ? 1 : 0);
  if (reach >= 0) {
    s.server_network = reach == 1;
    shell.controller.save_settings();
  }
  const text::EditBox look{.size_px = ui.px(type::body), .padding = ui.px(7)};
  const ImRect port = labelled("server.port");
  ui.field("server.port", ui.tr("server.port"), port_, ImRect(port.Min, ImVec2(port.Min.x + ui.px(110), port.Max.y)), look);
  text::EditBox pages = look;
  pages.placeholder = "http://localhost:3000";
  ui.field("server.origins", ui.tr("server.origins"), origins_, labelled("server.origins"), pages);
  bool log_text = s.server_log_text;
  if (ui.toggle("server.log_text", ui.tr("server.log_text"), column.take(ui.px(row_dp), ui.px(gap_dp)), log_text)) {
    s.server_log_text = log_text;
    shell.controller.save_settings();
  }
}

void ServerPanel::draw_key(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  Settings& s = shell.settings;
  bool ask = s.server_ask_key || s.server_network;
  if (state_ == State::off && ui.toggle("server.ask_key", ui.tr("server.ask_key"), column.take(ui.px(row_dp), ui.px(gap_dp)), ask)) {
    s.server_ask_key = ask;
    shell.controller.save_settings();
  }
  if (!ask) return;
  const ImRect row = column.take(ui.px(row_dp), ui.px(gap_dp));
  const float copy = ui.button_width(ui.tr("action.copy"), true), fresh = state_ == State::off ? ui.button_width(ui.tr("server.new_key"), false) + ui.px(8) : 0;
  ui.text_in(ImRect(row.Min, ImVec2(row.Min.x + column.width * 0.3f, row.Max.y)), ui.tr("server.key"), {}, 0);
  ui.text(ImVec2(row.Min.x + column.width * 0.3f, row.Min.y + ui.px(8)), key_, {.size = type::small, .family = text::FontFamily::mono},
          column.width * 0.7f - copy - fresh - ui.px(8));
  if (ui.button("server.copy_key", ui.tr("action.copy"), ImRect(row.Max.x - copy - fresh, row.Min.y, row.Max.x - fresh, row.Max.y), {.icon = Icon::copy})) {
    to_clipboard(shell, key_);
  }
  // A running server keeps its key: a new one would lock out those who have it.
  if (fresh > 0 && ui.button("server.new_key", ui.tr("server.new_key"), ImRect(row.Max.x - fresh + ui.px(8), row.Min.y, row.Max.x, row.Max.y)))
    take_key(shell, make_server_key, {});
}

void ServerPanel::draw_log(Shell& shell, Column& column) {
  Ui& ui = shell.ui;
  ui.text_in(column.take(ui.px(26)), ui.tr("server.log"), {.color = ui.color().text_soft, .weight = text::FontWeight::medium}, 0);
  ImGui::SetCursorScreenPos(ImVec2(column.x, column.y));
  const auto lines = log_->lines();
  if (lines.empty()) {
    ui.paragraph(ImVec2(column.x, column.y + ui.px(4)), ui.tr(shell.settings.server_log_text ? "server.log_empty_text" : "server.log_empty"), {.size = type::small, .color = ui.color().text_faint}, column.width);
    return;
  }
  const float line = ui.px(20);
  if (ImGui::BeginChild("requests", ImGui::GetContentRegionAvail())) {
    const bool at_end = ImGui::GetScrollY() >= ImGui::GetScrollMaxY() - line;
    const ImVec2 top = ImGui::GetCursorScreenPos();
    for (size_t i = 0; i < lines.size(); ++i) {
      const ImVec2 at(top.x, top.y + line * static_cast<float>(i));
      const ImRect row(at, ImVec2(at.x + column.width - ui.px(14), at.y + line));
      const Hit hit = ui.interact("server.log." + std::to_string(i), lines[i], row, true, radius::small);
      if (hit.hovered) ui.fill(row, ui.color().hover, radius::small);
      ui.text(at, lines[i], {.size = type::small, .family = text::FontFamily::mono}, row.GetWidth());
      if (hit.hovered) ui.tooltip(row, ui.tr("action.copy"));
      if (hit.clicked) to_clipboard(shell, lines[i]);  // what does not fit, the texts above all, is read elsewhere
    }
    ImGui::Dummy(ImVec2(1, line * static_cast<float>(lines.size())));
    if (at_end) ImGui::SetScrollHereY(1.0f);
  }
  ImGui::EndChild();
}

}  // namespace fabula::gui
