#include "core/base/paths.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>

namespace fabula {

namespace {

std::filesystem::path home_folder() {
  if (const char* home = std::getenv("HOME"); home && home[0] == '/') return home;
  if (const passwd* user = ::getpwuid(::getuid()); user && user->pw_dir && user->pw_dir[0] == '/') return user->pw_dir;
  return "/tmp";
}

std::filesystem::path xdg(const char* variable, const char* below_home) {
  const char* value = std::getenv(variable);
  const std::filesystem::path base = value && value[0] == '/' ? std::filesystem::path(value) : home_folder() / below_home;
  return base / "fabula";
}

}  // namespace

Places places_from_environment() {
  return {xdg("XDG_CONFIG_HOME", ".config"), xdg("XDG_DATA_HOME", ".local/share"), xdg("XDG_CACHE_HOME", ".cache"),
          xdg("XDG_STATE_HOME", ".local/state"), {}};
}

Places places_below(const std::filesystem::path& folder) {
  return {folder / "config", folder / "data", folder / "cache", folder / "state", {}};
}

Places places_of_program(const std::string& data_dir) {
  Places places = data_dir.empty() ? places_from_environment() : places_below(data_dir);
  std::error_code error;
  places.shipped_models = shipped_models_folder(std::filesystem::read_symlink("/proc/self/exe", error));
  return places;
}

std::filesystem::path shipped_models_folder(const std::filesystem::path& executable) {
  std::error_code error;
  std::filesystem::path folder = executable.parent_path();  // PREFIX/bin, PREFIX/libexec, build/<preset>/app/<program>
  if (const auto shared = folder.parent_path() / "share/fabula/models"; std::filesystem::is_directory(shared, error)) return shared;
  constexpr int levels = 4;
  for (int i = 0; i < levels; ++i) folder = folder.parent_path();
  const bool is_source = std::filesystem::is_regular_file(folder / "CMakePresets.json", error);
  return is_source && std::filesystem::is_directory(folder / "assets/models", error) ? folder / "assets/models" : std::filesystem::path();
}

}  // namespace fabula
