#include "app/gui/settings.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "core/base/file.h"

namespace fabula::gui {
namespace {

constexpr uint64_t max_settings_bytes = uint64_t{1} << 20;

// Reads one key into a field of its own type; a value of another type leaves the default and counts as wrong.
struct Reader {
  const Json& object;
  int wrong = 0;
  std::vector<std::string> known = {};

  template <class T>
  void operator()(const char* name, T& field) {
    known.emplace_back(name);
    const auto found = object.find(name);
    if (found == object.end()) return;
    if (!assign(*found, field)) ++wrong;
  }

  static bool assign(const Json& value, std::string& field) {
    if (!value.is_string()) return false;
    field = value.get<std::string>();
    return true;
  }
  static bool assign(const Json& value, bool& field) {
    if (!value.is_boolean()) return false;
    field = value.get<bool>();
    return true;
  }
  static bool assign(const Json& value, std::vector<std::string>& field) {
    if (!value.is_array()) return false;
    std::vector<std::string> read;
    for (const auto& entry : value) {
      if (!entry.is_string()) return false;
      read.push_back(entry.get<std::string>());
    }
    field = std::move(read);
    return true;
  }
  static bool assign(const Json& value, KeyBindings& field) {
    if (!value.is_object()) return false;
    KeyBindings read;
    for (const auto& [command, keys] : value.items()) {
      if (!keys.is_string()) return false;
      read[command] = keys.get<std::string>();
    }
    field = std::move(read);
    return true;
  }
  template <class T>
    requires std::is_arithmetic_v<T>
  static bool assign(const Json& value, T& field) {
    if (!value.is_number()) return false;
    const double number = value.get<double>();
    if (!std::isfinite(number) || number < -1e9 || number > 1e9) return false;
    field = static_cast<T>(number);
    return true;
  }
};

struct Writer {
  OrderedJson& object;
  template <class T>
  void operator()(const char* name, const T& field) {
    object[name] = field;
  }
};

void clamp(Settings& s) {
  const auto one_of = [](std::string& value, std::initializer_list<const char*> allowed) {
    if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) value = *allowed.begin();
  };
  one_of(s.theme, {"system", "light", "dark"});
  one_of(s.mode, {"story", "chat"});
  s.zoom = std::clamp(s.zoom, 0.5f, 3.0f);
  s.window_width = std::clamp(s.window_width, 480, 16384);
  s.window_height = std::clamp(s.window_height, 360, 16384);
  s.idle_unload_minutes = std::clamp<int64_t>(s.idle_unload_minutes, 0, 100'000);
  s.server_port = std::clamp(s.server_port, 1, 65535);
  for (ModeSettings* mode : {&s.chat, &s.story}) {
    mode->threads = std::clamp(mode->threads, 0, 1024);
    mode->context = std::max<int64_t>(mode->context, 0);
    mode->gpu_layers = std::max<int64_t>(mode->gpu_layers, -1);
    mode->max_tokens = std::clamp<int64_t>(mode->max_tokens, 0, 1'000'000);
    if (!engine::check(mode->sampler)) mode->sampler = {};
  }
}

// Reads one object and returns the keys that nobody asked for.
template <class T>
int read_object(const Json& object, T& target, std::initializer_list<const char*> also_known, Json& unknown) {
  Reader reader{object};
  T::visit(target, reader);
  for (const auto& [key, value] : object.items()) {
    const bool listed = std::find(reader.known.begin(), reader.known.end(), key) != reader.known.end();
    const bool also = std::find_if(also_known.begin(), also_known.end(), [&](const char* k) { return key == k; }) != also_known.end();
    if (!listed && !also) unknown[key] = value;
  }
  return reader.wrong;
}

}  // namespace

LoadedSettings load_settings(const std::filesystem::path& file) {
  LoadedSettings out;
  auto text = read_file(file, max_settings_bytes);
  if (!text) {
    if (text.error().code != ErrorCode::not_found) out.warning = text.error().message;
    return out;
  }
  auto parsed = parse_json(*text, "settings.json");
  if (!parsed || !parsed->is_object()) {
    const auto backup = std::filesystem::path(file.string() + ".broken");
    const auto kept = write_file_atomically(backup, *text);
    out.warning = "settings.json could not be read; Fabula starts with its defaults.";
    if (kept) out.warning += " The old file is kept as " + backup.string() + ".";
    return out;
  }
  Json unknown = Json::object();
  int wrong = read_object(*parsed, out.settings, {"chat", "story"}, unknown);
  for (const char* name : {"chat", "story"}) {
    const auto found = parsed->find(name);
    if (found == parsed->end() || !found->is_object()) continue;
    Json inner = Json::object();
    wrong += read_object(*found, out.settings.of(name[0] == 'c' ? session::Mode::chat : session::Mode::story), {}, inner);
    if (!inner.empty()) unknown[name] = inner;
  }
  if (!unknown.empty()) out.unknown = dump_json(unknown);
  if (wrong > 0) out.warning = "Some values in settings.json have the wrong type; defaults are used for them.";
  clamp(out.settings);
  return out;
}

std::string write_settings(const Settings& settings, const std::string& unknown) {
  OrderedJson object = OrderedJson::object();
  Settings::visit(settings, Writer{object});
  for (const char* name : {"chat", "story"}) {
    OrderedJson inner = OrderedJson::object();
    ModeSettings::visit(settings.of(name[0] == 'c' ? session::Mode::chat : session::Mode::story), Writer{inner});
    object[name] = std::move(inner);
  }
  if (auto extra = parse_ordered_json(unknown.empty() ? "{}" : unknown, "settings.json"); extra && extra->is_object()) {
    for (const auto& [key, value] : extra->items()) {
      if (value.is_object() && object.contains(key) && object[key].is_object()) {
        object[key].update(value);
      } else if (!object.contains(key)) {
        object[key] = value;
      }
    }
  }
  return dump_json(object, 2) + "\n";
}

Status save_settings(const std::filesystem::path& file, const Settings& settings, const std::string& unknown) {
  FABULA_TRY(fabula::create_directories(file.parent_path()));
  return write_file_atomically(file, write_settings(settings, unknown));
}

void remember(std::vector<std::string>& list, const std::string& value, size_t limit) {
  list.erase(std::remove(list.begin(), list.end(), value), list.end());
  list.insert(list.begin(), value);
  if (list.size() > limit) list.resize(limit);
}

}  // namespace fabula::gui
