// What the window remembers: fabula/settings.json. One visitor table serves load, save and defaults.
// A file that cannot be read is kept beside the new one as settings.json.broken, and keys that this version does not know are
// written back as they came.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "app/gui/commands.h"
#include "core/base/json.h"
#include "core/base/result.h"
#include "core/engine/sampler.h"
#include "core/session/types.h"

namespace fabula::gui {

enum class ThemeChoice { system, light, dark };

struct ModeSettings {
  std::string model;                 // path; "" for none yet
  std::string precision = "auto", kv_precision = "f16";
  std::string device = "auto";
  int threads = 0;                   // 0: physical cores
  int64_t gpu_layers = -1;           // on a GPU; -1: as many as fit
  int64_t context = 0;               // tokens; 0: the model's own
  int64_t max_tokens = 512;
  std::vector<std::string> stop;
  std::string system;                // of new sessions
  std::string last_session;
  engine::SamplerSettings sampler;

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& v) {
    v("model", self.model);
    v("precision", self.precision);
    v("kv_precision", self.kv_precision);
    v("device", self.device);
    v("threads", self.threads);
    v("gpu_layers", self.gpu_layers);
    v("context", self.context);
    v("max_tokens", self.max_tokens);
    v("stop", self.stop);
    v("system", self.system);
    v("last_session", self.last_session);
    engine::SamplerSettings::visit(self.sampler, [&](const char* name, auto& field, double, double) { v(name, field); });
  }
};

struct Settings {
  std::string theme = "system";      // system, light, dark
  std::string language = "system";   // system, or a code of Strings::languages()
  float zoom = 1.0f;
  int window_width = 1280, window_height = 820;  // screen coordinates, unscaled
  bool window_maximized = false;
  bool sidebar_open = true, panel_open = true;
  std::string mode = "story";
  bool notify = true;                // a notice when a long reply ends while the window is in the background
  int64_t idle_unload_minutes = 60;  // without a request, then models give their memory back; 0: never
  float ask_above_seconds = 10;      // of reading again, before an act; 0: never asked
  std::vector<std::string> recent_models, recent_folders;
  std::vector<std::string> model_folders;  // of the person's own, looked into for models
  KeyBindings keys;                  // that differ from the standard ones
  ModeSettings chat, story;
  // The local API.
  bool server_on = false, server_network = false, server_ask_key = false, server_log_text = false;
  int server_port = 8642;
  std::vector<std::string> server_origins;

  ModeSettings& of(session::Mode m) { return m == session::Mode::chat ? chat : story; }
  const ModeSettings& of(session::Mode m) const { return m == session::Mode::chat ? chat : story; }

  template <class Self, class Visit>
  static void visit(Self& self, Visit&& v) {
    v("theme", self.theme);
    v("language", self.language);
    v("zoom", self.zoom);
    v("window_width", self.window_width);
    v("window_height", self.window_height);
    v("window_maximized", self.window_maximized);
    v("sidebar_open", self.sidebar_open);
    v("panel_open", self.panel_open);
    v("mode", self.mode);
    v("notify", self.notify);
    v("idle_unload_minutes", self.idle_unload_minutes);
    v("ask_above_seconds", self.ask_above_seconds);
    v("keys", self.keys);
    v("model_folders", self.model_folders);
    v("recent_models", self.recent_models);
    v("recent_folders", self.recent_folders);
    v("server_on", self.server_on);
    v("server_network", self.server_network);
    v("server_ask_key", self.server_ask_key);
    v("server_log_text", self.server_log_text);
    v("server_port", self.server_port);
    v("server_origins", self.server_origins);
  }
};

struct LoadedSettings {
  Settings settings;
  std::string unknown;   // JSON object of keys that this version does not know, "" for none
  std::string warning;   // in plain words; "" when all is well
};

// Never fails: defaults stand in for what is missing or wrong, and `warning` says so.
LoadedSettings load_settings(const std::filesystem::path& file);
std::string write_settings(const Settings& settings, const std::string& unknown);  // the JSON text
Status save_settings(const std::filesystem::path& file, const Settings& settings, const std::string& unknown);

// Moves `value` to the front, at most `limit` entries.
void remember(std::vector<std::string>& list, const std::string& value, size_t limit = 8);

}  // namespace fabula::gui
