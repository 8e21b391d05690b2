#include "core/base/paths.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

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
          xdg("XDG_STATE_HOME", ".local/state")};
}

Places places_below(const std::filesystem::path& folder) {
  return {folder / "config", folder / "data", folder / "cache", folder / "state"};
}

}  // namespace fabula
