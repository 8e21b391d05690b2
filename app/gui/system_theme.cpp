#include "app/gui/system_theme.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/base/file.h"

namespace fabula::gui {
namespace {

constexpr uint64_t max_bytes = 256 * 1024;

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

// The value of `key` in an INI file, lower case; "" where it is absent.
std::string ini_value(const std::filesystem::path& file, const std::string& key) {
  auto text = read_file(file, max_bytes);
  if (!text) return "";
  size_t at = 0;
  while (at < text->size()) {
    const size_t end = std::min(text->find('\n', at), text->size());
    std::string line = text->substr(at, end - at);
    std::erase(line, ' ');
    if (line.starts_with(key + "=")) return lower(line.substr(key.size() + 1));
    at = end + 1;
  }
  return "";
}

}  // namespace

bool system_prefers_dark() {
  if (const char* theme = std::getenv("GTK_THEME"); theme != nullptr && *theme != '\0') return lower(theme).find("dark") != std::string::npos;
  std::filesystem::path config;
  if (const char* value = std::getenv("XDG_CONFIG_HOME"); value != nullptr && *value == '/') {
    config = value;
  } else if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    config = std::filesystem::path(home) / ".config";
  } else {
    return false;
  }
  for (const char* version : {"gtk-4.0", "gtk-3.0"}) {
    const auto file = config / version / "settings.ini";
    const std::string prefer = ini_value(file, "gtk-application-prefer-dark-theme");
    if (prefer == "1" || prefer == "true") return true;
    if (ini_value(file, "gtk-theme-name").find("dark") != std::string::npos) return true;
  }
  return ini_value(config / "kdeglobals", "ColorScheme").find("dark") != std::string::npos;
}

}  // namespace fabula::gui
