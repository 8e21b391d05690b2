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

}  // namespace fabula::gui
