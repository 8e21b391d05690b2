#include "core/model/library.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <regex>
#include <system_error>

namespace fabula::model {

namespace fs = std::filesystem;

namespace {

constexpr int max_depth = 6;  // models--org--name/snapshots/revision/sub/file.gguf is 5

uint64_t size_or_zero(const fs::path& file) {
  std::error_code error;
  const uint64_t size = fs::file_size(file, error);
  return error ? 0 : size;
}

bool is_later_split(const std::string& file_name) {
  static const std::regex split("-([0-9]{5})-of-[0-9]{5}\\.gguf$");
  std::smatch match;
  return std::regex_search(file_name, match, split) && match[1] != "00001";
}

uint64_t weight_bytes(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".safetensors") bytes += size_or_zero(entry.path());
  return bytes;
}

// models--org--name/snapshots/<revision> is shown as "name".
std::string directory_name(const fs::path& folder) {
  if (folder.parent_path().filename() == "snapshots") {
    const std::string repository = folder.parent_path().parent_path().filename().string();
    const size_t dashes = repository.rfind("--");
    if (dashes != std::string::npos) return repository.substr(dashes + 2);
  }
  return folder.filename().string();
}

class Finder {
 public:
  void search(const fs::path& folder, const std::string& found_in, int depth = 0) {
    std::error_code error;
    fs::directory_iterator entries(folder, fs::directory_options::skip_permission_denied, error);
    if (error || depth > max_depth) return;
    if (fs::exists(folder / "config.json", error) && weight_bytes(folder) > 0) {
      add({model_name(folder), folder, weight_bytes(folder), found_in});
      return;
    }
    for (const auto& entry : entries) {
      const fs::path& path = entry.path();
      const std::string name = path.filename().string();
      if (name.starts_with('.')) continue;
      if (entry.is_directory(error))
        search(path, found_in, depth + 1);
      else if (path.extension() == ".gguf" && !is_later_split(name))
        add({model_name(path), path, size_or_zero(path), found_in});
    }
  }

  std::vector<LibraryEntry> finish() {
    std::vector<LibraryEntry> entries;
    for (auto& [name, entry] : by_name_) entries.push_back(std::move(entry));
    return entries;
  }

 private:
  void add(LibraryEntry entry) {
    const std::string base = entry.name;
    for (int i = 2; by_name_.contains(entry.name); ++i) entry.name = base + " (" + std::to_string(i) + ")";
    by_name_.emplace(entry.name, entry);
  }

  std::map<std::string, LibraryEntry> by_name_;
};

fs::path hugging_face_cache() {
  const auto variable = [](const char* name) -> fs::path {
    const char* value = std::getenv(name);
    return value && *value ? fs::path(value) : fs::path();
  };
  if (const fs::path hub = variable("HF_HUB_CACHE"); !hub.empty()) return hub;
  if (const fs::path home = variable("HF_HOME"); !home.empty()) return home / "hub";
  if (const fs::path cache = variable("XDG_CACHE_HOME"); cache.is_absolute())
    return cache / "huggingface" / "hub";
  const fs::path home = variable("HOME");
  return home.empty() ? fs::path() : home / ".cache" / "huggingface" / "hub";
}

}  // namespace

std::string model_name(const fs::path& path) {
  const fs::path plain = path.has_filename() ? path : path.parent_path();
  if (plain.extension() != ".gguf") return directory_name(plain);
  static const std::regex part("-[0-9]{5}-of-[0-9]{5}$");
  return std::regex_replace(plain.stem().string(), part, "");
}

std::vector<LibraryEntry> list_models(const Places& places) {
  Finder finder;
  finder.search(places.models_folder(), "Fabula");
  if (const fs::path cache = hugging_face_cache(); !cache.empty()) finder.search(cache, "Hugging Face");
  return finder.finish();
}

Result<fs::path> find_model(const Places& places, const std::string& path_or_name) {
  std::error_code error;
  if (fs::exists(path_or_name, error)) return fs::path(path_or_name);
  std::string at_hand;
  for (const LibraryEntry& entry : list_models(places)) {
    if (entry.name == path_or_name) return entry.path;
    at_hand += (at_hand.empty() ? "" : ", ") + entry.name;
  }
  return Error{ErrorCode::not_found, "there is no file, folder or model called \"" + path_or_name + "\"" +
                                         (at_hand.empty() ? "" : "; at hand: " + at_hand)};
}

}  // namespace fabula::model
