// What a path says about a model, without opening it.
#pragma once

#include <filesystem>
#include <string>

namespace fabula::gui {

// A .gguf file, or a directory in Hugging Face layout. Touches the disk: not for the UI thread.
bool looks_like_model(const std::filesystem::path& path);

// A name for people: the file's or directory's, without ".gguf" and "-00001-of-0000N".
std::string model_display_name(const std::string& path);

}  // namespace fabula::gui
