#include "core/model/model_stores.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "core/base/file.h"
#include "core/base/json.h"

namespace fabula::model {

namespace fs = std::filesystem;

namespace {

constexpr int max_depth = 6;
constexpr size_t max_folders = 20000;  // of one store: somebody named "/" as a folder of models
constexpr uint64_t max_manifest_bytes = uint64_t{1} << 20;

fs::path variable(const char* name) {
  const char* value = std::getenv(name);
  return value && *value ? fs::path(value) : fs::path();
}

fs::path below(const fs::path& folder, const char* rest) { return folder.empty() ? fs::path() : folder / rest; }

fs::path hugging_face_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (fs::path hub = variable(name); !hub.empty()) return hub;
  if (const fs::path home = variable("HF_HOME"); !home.empty()) return home / "hub";
  if (const fs::path cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "huggingface" / "hub";
  return below(variable("HOME"), ".cache/huggingface/hub");
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end; !error && at != end; at.increment(error))
    entries.push_back(at->path());
  std::ranges::sort(entries);
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

// "name-00002-of-00003": the name without it, and whether it is a later part.
struct SplitName {
  std::string stem;
  bool is_part = false, is_later = false;
};
SplitName split_name(std::string stem) {
  constexpr size_t tail = 15;  // -00001-of-00003
  const auto digits = [&](size_t at) { return stem.find_first_not_of("0123456789", at) >= at + 5; };
  if (stem.size() <= tail) return {std::move(stem)};
  const size_t at = stem.size() - tail;
  if (stem[at] != '-' || stem.compare(at + 6, 4, "-of-") != 0 || !digits(at + 1) || !digits(at + 10)) return {std::move(stem)};
  const bool later = stem.compare(at + 1, 5, "00001") != 0;
  return {stem.substr(0, at), true, later};
}

bool is_weights(const fs::path& file) {
  return file.extension() == ".safetensors" ||
         (file.extension() == ".bin" && file.filename().string().starts_with("pytorch_model"));
}

// ---- folders

class FolderSearch {
 public:
  FolderSearch(std::string found_in, StoreContents& out) : found_in_(std::move(found_in)), out_(out) {}

  // `source`: "org/name" where it is known already.
  void search(const fs::path& folder, const std::string& source, int depth) {
    struct stat info {};
    if (depth > max_depth || visited_.size() > max_folders || ::stat(folder.c_str(), &info) != 0 ||
        !visited_.emplace(info.st_dev, info.st_ino).second)
      return;
    const std::vector<fs::path> entries = sorted_entries(folder);
    out_.folders.push_back(folder);
    FoundModel whole{.name = model_name(folder), .source = source, .found_in = found_in_, .path = folder};
    bool has_config = false;
    for (const fs::path& path : entries) {
      const std::string name = path.filename().string();
      if (name.starts_with('.')) continue;
      has_config = has_config || name == "config.json";
      if (is_weights(path)) whole.weight_files.push_back(path);
      if (name == "README.md") whole.licence_file = path;
    }
    for (const fs::path& path : entries)
      if (path.extension() == ".gguf" && !path.filename().string().starts_with('.')) add_gguf(path, entries, whole);
    if (has_config && !whole.weight_files.empty()) out_.models.push_back(whole);
    for (const fs::path& path : entries)
      if (!path.filename().string().starts_with('.') && is_folder(path))
        search(path, depth == 1 && source.empty() ? folder.filename().string() + "/" + path.filename().string() : source, depth + 1);
  }

 private:
  void add_gguf(const fs::path& path, const std::vector<fs::path>& beside, const FoundModel& whole) {
    const SplitName split = split_name(path.stem().string());
    if (split.is_later || is_folder(path)) return;
    FoundModel found{.name = split.stem, .source = whole.source, .found_in = found_in_, .path = path};
    found.licence_file = whole.licence_file;
    for (const fs::path& other : beside)
      if (other == path || (split.is_part && other.extension() == ".gguf" && split_name(other.stem().string()).stem == split.stem))
        found.weight_files.push_back(other);
    out_.models.push_back(std::move(found));
  }

  const std::string found_in_;
  StoreContents& out_;
  std::set<std::pair<dev_t, ino_t>> visited_;
};

// ---- Hugging Face: of each repository the revision that "main" means, else the newest

fs::path chosen_snapshot(const fs::path& repository) {
  if (const auto main = read_file(repository / "refs" / "main", 256); main.ok()) {
    const std::string revision = main->substr(0, main->find_first_of("\r\n "));
    const bool plain = !revision.empty() && revision.find('/') == std::string::npos && revision.front() != '.';
    if (plain && is_folder(repository / "snapshots" / revision)) return repository / "snapshots" / revision;
  }
  fs::path newest;
  fs::file_time_type newest_time;
  for (const fs::path& snapshot : sorted_entries(repository / "snapshots")) {
    std::error_code error;
    const auto time = fs::last_write_time(snapshot, error);
    if (error || (!newest.empty() && time <= newest_time)) continue;
    newest = snapshot;
    newest_time = time;
  }
  return newest;
}

void search_hugging_face(const ModelStore& store, StoreContents& out) {
  constexpr std::string_view prefix = "models--";
  out.folders.push_back(store.folder);
  for (const fs::path& repository : sorted_entries(store.folder)) {
    const std::string folder = repository.filename().string();
    if (!folder.starts_with(prefix) || !is_folder(repository)) continue;
    const size_t dashes = folder.find("--", prefix.size());
    std::string name = folder.substr(prefix.size(), dashes - prefix.size());
    if (dashes != std::string::npos) (name += '/') += folder.substr(dashes + 2);
    out.folders.push_back(repository / "snapshots");
    if (const fs::path snapshot = chosen_snapshot(repository); !snapshot.empty())
      FolderSearch(store.found_in, out).search(snapshot, name, 2);
  }
}

// ---- Ollama

// What a manifest says: the model's blob and its licence's; "" where there is none.
struct Manifest {
  fs::path model, licence;
};

fs::path blob_of(const fs::path& store, const std::string& digest) {
  constexpr std::string_view kind = "sha256:";
  const bool sound = digest.size() == kind.size() + 64 && digest.starts_with(kind) &&
                     digest.find_first_not_of("0123456789abcdef", kind.size()) == std::string::npos;
  return sound ? store / "blobs" / ("sha256-" + digest.substr(kind.size())) : fs::path();
}

Manifest read_manifest(const fs::path& store, const fs::path& file) {
  Manifest manifest;
  const auto text = read_file(file, max_manifest_bytes);
  if (!text.ok()) return manifest;
  const auto json = parse_json(*text, file.string());
  if (!json.ok() || !json->is_object() || !json->contains("layers") || !(*json)["layers"].is_array()) return manifest;
  const auto text_of = [](const Json& layer, const char* key) {
    return layer.is_object() && layer.contains(key) && layer[key].is_string() ? layer[key].get<std::string>() : std::string();
  };
  for (const Json& layer : (*json)["layers"]) {
    const std::string type = text_of(layer, "mediaType");
    if (type == "application/vnd.ollama.image.model") manifest.model = blob_of(store, text_of(layer, "digest"));
    if (type == "application/vnd.ollama.image.license") manifest.licence = blob_of(store, text_of(layer, "digest"));
  }
  return manifest;
}

// "llama3.2:1b" of registry.ollama.ai/library/llama3.2/1b; other hosts and people stand before it.
std::string ollama_name(const fs::path& relative) {
  std::vector<std::string> parts;
  for (const fs::path& part : relative) parts.push_back(part.string());
  if (parts.size() < 3) return {};
  std::string name = parts[parts.size() - 2];
  if (parts.back() != "latest") name += ":" + parts.back();
  const bool usual_host = parts.front() == "registry.ollama.ai";
  for (size_t i = parts.size() - 2; i-- > 0;) {
    if (usual_host && (i == 0 || (i == 1 && parts[i] == "library"))) continue;
    name = parts[i] + "/" + name;
  }
  return name;
}

template <class Visit>
void each_manifest(const fs::path& folder, StoreContents* out, int depth, const Visit& visit) {
  if (out) out->folders.push_back(folder);
  for (const fs::path& path : sorted_entries(folder)) {
    if (path.filename().string().starts_with('.')) continue;
    if (!is_folder(path)) visit(path);
    else if (depth < max_depth) each_manifest(path, out, depth + 1, visit);
  }
}

void search_ollama(const ModelStore& store, StoreContents& out) {
  const fs::path manifests = store.folder / "manifests";
  if (!is_folder(manifests)) return;
  each_manifest(manifests, &out, 0, [&](const fs::path& file) {
    const Manifest manifest = read_manifest(store.folder, file);
    const std::string name = ollama_name(file.lexically_relative(manifests));
    if (manifest.model.empty() || name.empty()) return;
    out.models.push_back({.name = name, .source = name, .found_in = store.found_in, .path = manifest.model,
                          .weight_files = {manifest.model}, .licence_file = manifest.licence});
  });
}

std::string name_of_blob(const fs::path& blob) {
  const fs::path store = blob.parent_path().parent_path();
  std::string name;
  each_manifest(store / "manifests", nullptr, 0, [&](const fs::path& file) {
    if (name.empty() && read_manifest(store, file).model == blob) name = ollama_name(file.lexically_relative(store / "manifests"));
  });
  return name;
}

std::vector<fs::path> folders_of_settings(const Places& places) {
  const auto text = read_file(places.settings_file(), uint64_t{4} << 20);
  if (!text.ok()) return {};
  const auto json = parse_json(*text, "settings.json");
  if (!json.ok() || !json->is_object() || !json->contains("model_folders") || !(*json)["model_folders"].is_array()) return {};
  std::vector<fs::path> folders;
  for (const Json& folder : (*json)["model_folders"])
    if (folder.is_string() && fs::path(folder.get<std::string>()).is_absolute()) folders.emplace_back(folder.get<std::string>());
  return folders;
}

}  // namespace

std::vector<ModelStore> model_stores(const Places& places) {
  std::vector<ModelStore> stores;
  const auto add = [&](std::string found_in, const fs::path& folder, StoreLayout layout) {
    if (!folder.empty()) stores.push_back({std::move(found_in), folder, layout});
  };
  for (const fs::path& folder : folders_of_settings(places))
    add((folder.has_filename() ? folder : folder.parent_path()).filename().string(), folder, StoreLayout::folders);
  const fs::path home = variable("HOME");
  add("Fabula", places.models_folder(), StoreLayout::folders);
  add(built_in, places.shipped_models, StoreLayout::folders);
  add("Hugging Face", hugging_face_cache(), StoreLayout::hugging_face);
  add("LM Studio", below(home, ".lmstudio/models"), StoreLayout::folders);
  add("LM Studio", below(home, ".cache/lm-studio/models"), StoreLayout::folders);
  const fs::path ollama = variable("OLLAMA_MODELS");
  add("Ollama", !ollama.empty() ? ollama : below(home, ".ollama/models"), StoreLayout::ollama);
  add("Ollama", "/usr/share/ollama/.ollama/models", StoreLayout::ollama);
  return stores;
}

void search_store(const ModelStore& store, StoreContents& out) {
  switch (store.layout) {
    case StoreLayout::folders: return FolderSearch(store.found_in, out).search(store.folder, "", 0);
    case StoreLayout::hugging_face: return search_hugging_face(store, out);
    case StoreLayout::ollama: return search_ollama(store, out);
  }
}

std::string model_name(const fs::path& path) {
  const fs::path plain = path.has_filename() ? path : path.parent_path();
  if (plain.extension() == ".gguf") return split_name(plain.stem().string()).stem;
  const std::string name = plain.filename().string();
  if (name.starts_with("sha256-") && plain.parent_path().filename() == "blobs")
    if (std::string known = name_of_blob(plain); !known.empty()) return known;
  if (plain.parent_path().filename() == "snapshots") {
    const std::string repository = plain.parent_path().parent_path().filename().string();
    if (const size_t dashes = repository.rfind("--"); dashes != std::string::npos) return repository.substr(dashes + 2);
  }
  return name;
}

}  // namespace fabula::model
