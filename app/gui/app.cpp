#include "app/gui/app.h"

#include <GLFW/glfw3.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "app/gui/desktop.h"
#include "app/gui/model_paths.h"
#include "app/gui/panels/bars.h"
#include "app/gui/panels/starters.h"
#include "app/gui/panels/message_row.h"
#include "app/gui/system_theme.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/model/library.h"

namespace fabula::gui {
namespace {

using session::Mode;

constexpr uint64_t max_session_bytes = uint64_t{512} << 20, max_presets_bytes = uint64_t{16} << 20;
constexpr double long_reply_seconds = 5;
constexpr float menu_dp = 38, status_dp = 26, sidebar_dp = 268, panel_dp = 296, outline_dp = 264;

std::string isa_of_environment() {
  const char* isa = std::getenv("FABULA_ISA");
  return isa != nullptr ? isa : "";
}

Controller::Options controller_options(const App::Start& start) {
  return {start.places, isa_of_environment(), start.arguments.model, start.arguments.file, &Window::wake, start.log};
}

// What came with Fabula goes where Fabula goes: a portable one may have moved since it was chosen.
std::string where_it_is_now(const std::string& model, const std::filesystem::path& shipped_models) {
  std::error_code error;
  if (model.empty() || shipped_models.empty() || std::filesystem::exists(model, error)) return model;
  const std::filesystem::path here = shipped_models / std::filesystem::path(model).filename();
  return std::filesystem::exists(here, error) ? here.string() : model;
}

Settings starting_settings(const App::Start& start) {
  Settings settings = start.settings.settings;
  if (!start.arguments.mode.empty()) settings.mode = start.arguments.mode;
  settings.story.model = where_it_is_now(settings.story.model, start.places.shipped_models);
  return settings;
}

}  // namespace

Result<std::unique_ptr<App>> App::create(Window& window, Start start) {
  auto textures = std::make_unique<text::GlTextures>();
  text::FontOptions fonts;
  fonts.language = Strings(start.settings.settings.language).characters();
  FABULA_ASSIGN(auto engine, text::TextEngine::create(fonts, *textures));
  std::unique_ptr<Automation> automation;
  if (const char* path = std::getenv("FABULA_AUTOMATION"); path != nullptr && *path != '\0') {
    FABULA_ASSIGN(automation, Automation::listen(path));
  }
  std::unique_ptr<App> app(new App(window, std::move(start), std::move(engine), std::move(textures)));
  app->automation_ = std::move(automation);
  return app;
}

App::App(Window& window, Start start, std::unique_ptr<text::TextEngine> engine, std::unique_ptr<text::GlTextures> textures)
    : window_(window),
      started_at_(start.started_at),
      settings_(starting_settings(start)),
      strings_(settings_.language),
      background_(&Window::wake),
      controller_(controller_options(start), settings_, strings_, background_, watchdog_),
      models_(start.places, background_, isa_of_environment(), &Window::wake, start.log),
      textures_(std::move(textures)),
      engine_(std::move(engine)),
      ui_(*engine_, strings_),
      presets_(strings_.language()),
      shell_{ui_, controller_, settings_, commands_, models_, presets_},
      sidebar_(*engine_),
      transcript_(*engine_),
      story_(*engine_),
      composer_(*engine_),
      panel_(*engine_),
      dialogs_(*engine_),
      models_dialog_(*engine_),
      server_(*engine_),
      file_dialog_(*engine_),
      memory_(*engine_),
      settings_window_(*engine_),
      session_dialogs_(*engine_) {
  controller_.keep_unknown_settings(start.settings.unknown);
  if (!start.settings.warning.empty()) controller_.say(session::Notice::Kind::warning, start.settings.warning);
  system_dark_ = system_prefers_dark();
  controller_.set_before_change([this] {
    story_.flush(shell_);
    composer_.save_draft(shell_);
  });
  add_commands();
  commands_.bind(settings_.keys);
}

App::~App() {
  controller_.set_before_change({});
  controller_.stop_all();
}

float App::scale() const { return window_.content_scale() / window_.framebuffer_scale() * settings_.zoom; }

void App::run() {
  const ListenForBlocking listening(watchdog_);
  draw_frame();
  first_frame_ms_ = (monotonic_seconds() - started_at_) * 1e3;
  controller_.start();
  models_.start();
  load_presets();
  publish();
  bool busy = false;
  double busy_since = 0;
  while (!window_.should_close()) {
    double next = ui_.next_wake();
    if (controller_.waiting()) next = std::min(next, monotonic_seconds() + 0.05);  // an answer may come without a wake
    if (!busy && controller_.generating()) busy_since = monotonic_seconds();
    busy = controller_.generating();
    window_.wait(next, busy);
    follow_focus();
    const bool posted = background_.drain();
    if (posted) window_.settle(1);
    draw_frame();
    publish();
    tell_of_end(busy, busy_since);
  }
  controller_.save_page();
  remember_window();
}

void App::draw_frame() {
  follow_settings();
  window_.begin_frame();
  ui_.begin_frame(scale(), window_.framebuffer_scale(), monotonic_seconds());
  if (ImGui::IsMouseClicked(0)) ui_.hide_focus();
  controller_.begin_frame();
  follow_models();
  {
    Watchdog::Span span(watchdog_, "frame");
    handle_events();
    handle_dropped();
    draw_layout();
  }
  ui_.end_frame();
  window_.end_frame(ui_.color().window);
  if (const auto since = controller_.take_opened()) opened_ms_ = (monotonic_seconds() - *since) * 1e3;
  watchdog_.frame(window_.own_ms());
}

// What the library found goes to the controller; a model that was just fetched is taken where there is none.
void App::follow_models() {
  models_.begin_frame();
  if (models_.library_changed() && models_.library().complete) controller_.set_found(models_.library().models);
  while (const auto path = models_.take_finished())
    if (settings_.of(controller_.mode()).model.empty() || wants_starters(shell_)) controller_.load_model(*path);
}

// Theme, language and scale take effect with the next frame.
void App::follow_settings() {
  const bool dark = settings_.theme == "dark" || (settings_.theme == "system" && system_dark_);
  const std::string theme = dark ? "dark" : "light";
  if (theme != theme_name_ || scale() != styled_scale_) {
    theme_name_ = theme;
    ui_.theme = make_theme(dark);
    if (scale() != styled_scale_) engine_->reset_glyphs();
    styled_scale_ = scale();
    apply_imgui_style(ui_.theme, styled_scale_);
    window_.settle();
  }
  if (language_ != settings_.language) {
    const bool another = !std::exchange(language_, settings_.language).empty();
    strings_.set_language(language_);
    if (another) std::erase_if(controller_.toasts(), [](const Toast& t) { return t.undo_session.empty(); });  // said in the old one
    presets_.set_language(strings_.language());
    window_.settle();
  }
}

// The desktop's theme may have changed while another window had the focus.
void App::follow_focus() {
  const bool focused = window_.focused();
  if (focused && !was_focused_ && settings_.theme == "system") {
    background_.run([this, &background = background_] {
      background.post([this, dark = system_prefers_dark()] { system_dark_ = dark; });
    });
  }
  was_focused_ = focused;
}

bool App::dialog_open() const { return ImGui::GetTopMostPopupModal() != nullptr; }

// ---- layout

void App::draw_layout() {
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos(ImVec2(0, 0));
  ImGui::SetNextWindowSize(size);
  ImGui::Begin("fabula", nullptr, ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings |
                                      ImGuiWindowFlags_NoBringToFrontOnFocus | ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoScrollWithMouse);
  const float menu = std::floor(ui_.px(menu_dp)), status = std::floor(ui_.px(status_dp));
  ImRect middle(0, menu, size.x, size.y - status);
  // A narrow window gives the page what it needs: the panel goes first, then the sidebar.
  const float least = ui_.px(420);
  const bool sidebar = settings_.sidebar_open && size.x >= ui_.px(sidebar_dp) + least;
  const bool panel = settings_.panel_open && size.x >= ui_.px(panel_dp + (sidebar ? sidebar_dp : 0)) + least;
  if (sidebar) {
    sidebar_.draw(shell_, ImRect(0, menu, std::floor(ui_.px(sidebar_dp)), middle.Max.y));
    middle.Min.x = std::floor(ui_.px(sidebar_dp));
  }
  if (panel) {
    middle.Max.x = std::floor(size.x - ui_.px(panel_dp));
    panel_.draw(shell_, ImRect(middle.Max.x, menu, size.x, middle.Max.y));
  }
  if (shell_.outline_open && middle.GetWidth() >= ui_.px(outline_dp) + least) {
    middle.Max.x = std::floor(middle.Max.x - ui_.px(outline_dp));
    outline_.draw(shell_, ImRect(middle.Max.x, menu, middle.Max.x + ui_.px(outline_dp), middle.Max.y));
  }
  const float composer = std::ceil(composer_.height(ui_));
  const ImRect page(middle.Min, ImVec2(middle.Max.x, middle.Max.y - composer));
  const Frame& frame = controller_.frame();
  const bool story = controller_.mode() == Mode::story;
  const bool blank = !frame.live && (!frame.view || frame.view->path.empty());
  const bool empty = blank && !controller_.generating() && (!story || (story_.empty() && !story_.focused()));
  if (story) story_.draw(shell_, page);  // also where it is blank: a click writes on it
  if (empty) {
    draw_empty(page);
  } else if (story) {
  } else {
    transcript_.draw(shell_, page);
  }
  shell_.page_has_words = story && !story_.empty();
  composer_.draw(shell_, ImRect(middle.Min.x, page.Max.y, middle.Max.x, middle.Max.y));
  draw_status_bar(shell_, ImRect(0, middle.Max.y, size.x, size.y), story && !empty ? story_.words() : 0);
  draw_menu_bar(shell_, ImRect(0, 0, size.x, menu));
  draw_rollback_question(shell_);
  dialogs_.draw(shell_);
  models_dialog_.draw(shell_);
  server_.draw(shell_);
  file_dialog_.draw(shell_);
  memory_.draw(shell_);
  settings_window_.draw(shell_);
  session_dialogs_.draw(shell_);
  if (std::exchange(shell_.ask.save_presets, false)) save_presets();
  ImGui::End();
  draw_toasts(shell_, page);
}

// An empty page says what to do, and offers one example.
void App::draw_empty(const ImRect& area) {
  const bool story = controller_.mode() == Mode::story;
  const Palette& c = ui_.color();
  const float width = std::min(ui_.px(480), area.GetWidth() - ui_.px(48)), mark = ui_.px(54);
  const ImVec2 centre = area.GetCenter();
  const bool opening = !controller_.open_error().empty();
  const auto obstacle = controller_.obstacle();
  const bool none = obstacle == Controller::Obstacle::no_model;
  const bool starters = !story && (none || obstacle == Controller::Obstacle::no_template) && wants_starters(shell_);
  float y = std::floor(centre.y - ui_.px(starters ? 250 : 150));
  draw_mark(ui_.list(), ImVec2(std::floor(centre.x - mark / 2), y), mark, opening ? c.danger : c.accent, c.window);
  y += mark + ui_.px(18);
  const float left = std::floor(centre.x - width / 2);
  const TextLook title{.size = type::display, .weight = text::FontWeight::semibold};
  ui_.text_in(ImRect(left, y, left + width, y + ui_.px(36)), strings_(opening ? "empty.failed" : story ? "empty.story" : "empty.chat"), title);
  y += ui_.px(44);
  const std::string& words = opening ? controller_.open_error() : strings_(story ? "empty.story_words" : "empty.chat_words");
  const TextLook soft{.size = type::body, .color = c.text_soft};
  const float wide = std::min(ui_.px(640), area.GetWidth() - ui_.px(48));
  const ImVec2 used = ui_.measure(words, soft, wide);
  ui_.paragraph(ImVec2(std::floor(centre.x - used.x / 2), y), words, soft, wide);
  y += used.y + ui_.px(22);
  if (opening) return;
  if (starters) {
    const float column = std::min(ui_.px(560), area.GetWidth() - ui_.px(48)), x = std::floor(centre.x - column / 2);
    draw_starters(shell_, ImRect(x, y, x + column, y + starters_height(ui_)));
    y += starters_height(ui_) + ui_.px(6);
  }
  if (none) {
    const float button = ui_.button_width(strings_("command.open_model"), true);
    const ImRect box(std::floor(centre.x - button / 2), y, std::floor(centre.x + button / 2), y + ui_.px(38));
    if (ui_.button("empty.open_model", strings_("command.open_model"), box, {.kind = story ? ButtonKind::primary : ButtonKind::ghost, .icon = Icon::folder})) commands_.run("open_model");
    return;
  }
  const std::string& example = strings_(story ? "empty.story_example" : "empty.chat_example");
  const TextLook look{.size = type::prose, .family = story ? text::FontFamily::serif : text::FontFamily::ui};
  const float inner = width - ui_.px(40);
  const ImRect card(left, y, left + width, y + ui_.measure(example, look, inner).y + ui_.px(54));
  const Hit hit = ui_.interact("empty.example", example, card, true, radius::card);
  ui_.fill(card, c.raised, radius::card);
  if (hit.hovered) ui_.fill(card, c.hover, radius::card);
  ui_.stroke(card, hit.hovered ? c.outline : c.border, radius::card);
  ui_.text(ImVec2(card.Min.x + ui_.px(20), card.Min.y + ui_.px(14)), strings_("empty.try"),
           {.size = type::caption, .color = c.accent, .weight = text::FontWeight::semibold});
  ui_.paragraph(ImVec2(card.Min.x + ui_.px(20), card.Min.y + ui_.px(34)), example, look, inner);
  if (hit.clicked) {
    composer_.set_text(example);
    shell_.ask.focus_composer = true;
  } else if (story && !hit.hovered && ImGui::IsMouseClicked(0) && ui_.hovers(area)) {
    story_.take_focus();  // the page itself is there to be written on
    ui_.wake_at(ui_.now());
  }
}

void App::publish() {
  if (!automation_) return;
  auto record = std::make_shared<FrameRecord>();
  const Frame& frame = controller_.frame();
  record->widgets = ui_.widgets();
  record->mode = session::mode_name(controller_.mode());
  record->session = controller_.current();
  record->model = frame.model.phase == session::ModelState::Phase::ready ? model::model_name(frame.model.path) : "";
  record->draft = composer_.text();
  record->messages = frame.view ? static_cast<int64_t>(frame.view->path.size()) : 0;
  record->generating = controller_.generating();
  for (const Toast& toast : controller_.toasts()) record->toasts.push_back(toast.text);
  record->frames = watchdog_.frames();
  record->first_frame_ms = first_frame_ms_;
  record->slowest_frame_ms = watchdog_.slowest_ms();
  record->frame_p99_ms = watchdog_.p99_ms();
  record->opened_ms = opened_ms_;
  record->blocking = watchdog_.blocking();
  if (frame.live) {
    record->text = frame.live->text;
  } else if (frame.view && !frame.view->path.empty()) {
    record->text = frame.view->path.back()->text;
  }
  automation_->publish(std::move(record));
}

// Files arrive by dropping them, or because Fabula was started once more with one.
void App::handle_dropped() {
  for (const auto& path : window_.take_dropped()) open_file(path);
  if (const auto raised = controller_.take_raised()) {
    window_.to_front();
    if (!raised->empty()) open_file(*raised);
  }
}

// A model is loaded, a session's file imported; any other file goes with the next message.
void App::open_file(const std::string& path) {
  background_.run([this, path] {
    enum class Kind { model, session, file };
    Kind kind = looks_like_model(path) ? Kind::model : Kind::file;
    if (path.ends_with(".json") && kind == Kind::file) {
      const auto text = read_file(path, max_session_bytes);
      if (text && text->find("\"fabula.session\"") != std::string::npos) kind = Kind::session;
    }
    background_.post([this, path, kind] {
      if (kind == Kind::model) return controller_.load_model(path);
      if (kind == Kind::session) return controller_.import_from(path);
      shell_.ask.attach.push_back(path);
      shell_.ask.focus_composer = true;
    });
  });
}

void App::remember_window() {
  settings_.window_maximized = window_.maximized();
  if (!settings_.window_maximized) {
    int width = 0, height = 0;
    window_.size(width, height);
    const float scale = window_.content_scale() / window_.framebuffer_scale();
    settings_.window_width = static_cast<int>(std::lround(static_cast<float>(width) / scale));
    settings_.window_height = static_cast<int>(std::lround(static_cast<float>(height) / scale));
  }
  controller_.save_settings();
}

// A reply that took a while and ends while another window has the focus is worth a notice.
void App::tell_of_end(bool was_busy, double began) {
  if (!was_busy || controller_.generating() || window_.focused()) return;
  window_.request_attention();
  if (!settings_.notify || monotonic_seconds() - began < long_reply_seconds) return;
  const auto& view = controller_.frame().view;
  const std::string title = view && !view->info.title.empty() ? view->info.title : strings_("session.untitled");
  background_.run([title, words = strings_("notice.reply_ended")] { show_desktop_notice(title, words); });
}

void App::load_presets() {
  background_.run([this, file = controller_.places().presets_file()] {
    auto text = std::make_shared<Result<std::string>>(read_file(file, max_presets_bytes));
    background_.post([this, text] {
      const bool missing = !*text && text->error().code == ErrorCode::not_found;
      if (missing || (*text && presets_.read_own(**text))) return;
      controller_.say(session::Notice::Kind::warning, *text ? strings_("preset.unreadable") : text->error().message);
    });
  });
}

void App::save_presets() {
  background_.run([this, file = controller_.places().presets_file(), text = presets_.write_own()] {
    Status saved = fabula::create_directories(file.parent_path());
    if (saved.ok()) saved = write_file_atomically(file, text);
    if (!saved.ok()) background_.post([this, message = saved.error().message] { controller_.say(session::Notice::Kind::error, message); });
  });
}

void App::set_theme(const char* name) {
  settings_.theme = name;
  controller_.save_settings();
}

void App::set_zoom(float zoom) {
  settings_.zoom = std::clamp(std::round(zoom * 10) / 10, 0.5f, 3.0f);
  controller_.save_settings();
}

}  // namespace fabula::gui
