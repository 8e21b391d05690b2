#include "app/gui/model_paths.h"

#include <cctype>
#include <system_error>

namespace fabula::gui {

namespace fs = std::filesystem;

bool looks_like_model(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    if (!fs::exists(path / "config.json", error)) return false;
    return fs::exists(path / "model.safetensors", error) || fs::exists(path / "model.safetensors.index.json", error);
  }
  return path.extension() == ".gguf" && fs::is_regular_file(path, error);
}

std::string model_display_name(const std::string& path) {
  fs::path p(path);
  if (!p.has_filename()) p = p.parent_path();
  std::string name = p.filename().string();
  if (!name.ends_with(".gguf")) return name;
  name.resize(name.size() - 5);
  constexpr std::string_view part = "-00001-of-00000";
  if (name.size() > part.size() && name.compare(name.size() - part.size(), 10, part, 0, 10) == 0) name.resize(name.size() - part.size());
  return name;
}

}  // namespace fabula::gui
