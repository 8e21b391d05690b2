// Where models lie on this machine: the user's own folders, Fabula's, and the stores of other programs. What stands in
// them is found from names and small files alone; no model is opened.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/paths.h"

namespace fabula::model {

enum class StoreLayout {
  folders,       // GGUF files and Hugging Face folders, anywhere below; two folders deep is org/name
  hugging_face,  // models--org--name/snapshots/<revision>/
  ollama,        // manifests/<host>/<namespace>/<name>/<tag> name blobs/sha256-...
};

inline constexpr const char* built_in = "built in";  // found_in of what came with Fabula

struct ModelStore {
  std::string found_in;  // "Fabula", built_in, "Hugging Face", "LM Studio", "Ollama"; of the user's folders: the folder's name
  std::filesystem::path folder;
  StoreLayout layout = StoreLayout::folders;
};

// In the order in which names are given: the user's folders ("model_folders" of settings.json), Fabula's, what came with it, Hugging Face's
// (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME), LM Studio's, Ollama's (OLLAMA_MODELS, the user's, the service's).
std::vector<ModelStore> model_stores(const Places& places);

// A model as its files lie there.
struct FoundModel {
  std::string name;                                 // short; may occur twice
  std::string source;                               // "org/name", "llama3.2:1b"; "" where the place does not tell
  std::string found_in;
  std::filesystem::path path;                       // what open_model takes
  std::vector<std::filesystem::path> weight_files;  // all of them, in the order of their names
  std::filesystem::path licence_file;               // "" where there is none
};

struct StoreContents {
  std::vector<FoundModel> models;
  std::vector<std::filesystem::path> folders;  // those that were looked into: watching them tells of changes
};

// Folders that cannot be read are passed over; loops of links and endless trees end. Appends to `out`.
void search_store(const ModelStore& store, StoreContents& out);

// A file's stem without "-00001-of-0000N", a directory's name; models--org--name/snapshots/... is "name"; of a blob of
// Ollama's, what its manifest calls it.
std::string model_name(const std::filesystem::path& path);

}  // namespace fabula::model
