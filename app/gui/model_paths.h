// What a path says about a model, without opening it.
#pragma once

#include <filesystem>

namespace fabula::gui {

// A .gguf file, or a directory in Hugging Face layout. Touches the disk: not for the UI thread.
bool looks_like_model(const std::filesystem::path& path);

}  // namespace fabula::gui
