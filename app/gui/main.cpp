// Makes the window and runs it; what is in it is app.h's.
#include <cstdio>
#include <oneapi/tbb/global_control.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "app/gui/app.h"
#include "app/gui/log_file.h"
#include "core/base/build_info.h"
#include "core/base/clock.h"
#include "core/session/service.h"

int main(int count, char** words) {
  using namespace fabula;
  const double started_at = monotonic_seconds();
  auto arguments = gui::parse_arguments(std::vector<std::string>(words + 1, words + count));
  if (!arguments) {
    std::fprintf(stderr, "fabula: %s\n", arguments.error().message.c_str());
    return 2;
  }
  if (arguments->help) return std::fputs(gui::usage().c_str(), stdout) < 0;
  if (arguments->version) return std::printf("%s", version_text().c_str()) < 0;

  // A worker for every thread that a person may ask for (NUMERICS 11).
  oneapi::tbb::global_control workers(oneapi::tbb::global_control::max_allowed_parallelism,
                                      std::max<size_t>(std::thread::hardware_concurrency(), 1) * 2);
  gui::App::Start start;
  start.started_at = started_at;
  start.places = places_of_program(arguments->data_dir);
  // Whoever starts Fabula again means the window that is there already.
  std::error_code ignored;
  if (!arguments->file.empty()) arguments->file = std::filesystem::absolute(arguments->file, ignored).string();
  if (!arguments->new_window && session::raise_running_window(start.places, arguments->file)) return 0;
  start.arguments = *arguments;
  start.settings = gui::load_settings(start.places.settings_file());
  gui::LogFile log(start.places.log_folder() / "fabula.log");
  start.log = &log;
  const auto& settings = start.settings.settings;
  auto window = gui::Window::create({"Fabula", settings.window_width, settings.window_height, settings.window_maximized});
  if (!window) {
    std::fprintf(stderr, "fabula: %s\n", window.error().message.c_str());
    return 1;
  }
  auto app = gui::App::create(**window, std::move(start));
  if (!app) {
    std::fprintf(stderr, "fabula: %s\n", app.error().message.c_str());
    return 1;
  }
  (*app)->run();
  app->reset();  // before the window: textures and panels belong to its context
  return 0;
}
