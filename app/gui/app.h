// The window's contents: owns the settings, the controller and the panels, lays them out, and turns keys into commands.
// Thread: the main thread.
#pragma once

#include <memory>

#include "app/gui/arguments.h"
#include "app/gui/automation.h"
#include "app/gui/panels/composer_panel.h"
#include "app/gui/panels/dialogs.h"
#include "app/gui/panels/models_dialog.h"
#include "app/gui/panels/file_dialog.h"
#include "app/gui/panels/memory_dialog.h"
#include "app/gui/panels/outline_panel.h"
#include "app/gui/panels/server_panel.h"
#include "app/gui/panels/session_dialogs.h"
#include "app/gui/panels/settings_window.h"
#include "app/gui/panels/sidebar_panel.h"
#include "app/gui/panels/side_panel.h"
#include "app/gui/panels/story_panel.h"
#include "app/gui/panels/transcript_panel.h"
#include "app/gui/shell.h"
#include "app/gui/text/gl_textures.h"
#include "app/gui/window.h"

namespace fabula::gui {

class App {
 public:
  struct Start {
    Arguments arguments;
    Places places;
    LoadedSettings settings;
    double started_at = 0;  // monotonic seconds at the start of the process
    LogSink* log = nullptr;
  };
  // Errors: not_found (no font), io (the automation socket).
  static Result<std::unique_ptr<App>> create(Window& window, Start start);
  ~App();
  void run();  // until the window closes

 private:
  App(Window& window, Start start, std::unique_ptr<text::TextEngine> engine, std::unique_ptr<text::GlTextures> textures);
  void add_commands();
  void add_view_commands();
  void add_model_commands();
  void handle_events();
  void handle_event(const WindowEvent& event);
  void handle_key(const WindowEvent& event);
  bool handle_plain_key(const WindowEvent& event, bool dialog);
  void escape();
  void edit_last_own();
  bool walk_alternatives(int step);
  void handle_dropped();
  void open_file(const std::string& path);
  void follow_settings();
  void follow_models();
  void follow_focus();
  void draw_frame();
  void draw_layout();
  void draw_empty(const ImRect& area);
  void publish();
  void set_theme(const char* name);
  void set_zoom(float zoom);
  void remember_window();
  void load_presets();
  void save_presets();
  void tell_of_end(bool was_busy, double began);
  bool dialog_open() const;
  float scale() const;

  Window& window_;
  double started_at_;
  Settings settings_;
  Strings strings_;
  Watchdog watchdog_;
  Background background_;
  Controller controller_;
  ModelDesk models_;
  std::unique_ptr<text::GlTextures> textures_;
  std::unique_ptr<text::TextEngine> engine_;
  Ui ui_;
  Commands commands_;
  Presets presets_;
  Shell shell_;
  SidebarPanel sidebar_;
  TranscriptPanel transcript_;
  StoryPanel story_;
  ComposerPanel composer_;
  SidePanel panel_;
  Dialogs dialogs_;
  ModelsDialog models_dialog_;
  ServerPanel server_;
  FileDialog file_dialog_;
  MemoryDialog memory_;
  OutlinePanel outline_;
  SettingsWindow settings_window_;
  SessionDialogs session_dialogs_;
  std::unique_ptr<Automation> automation_;
  std::string language_, theme_name_;
  float styled_scale_ = 0;
  bool system_dark_ = false, was_focused_ = true;
  double first_frame_ms_ = 0, opened_ms_ = 0;
};

}  // namespace fabula::gui
