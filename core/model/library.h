// The models at hand: found where users and other programs keep them, never copied.
// Places searched, in this order: Fabula's models folder, the Hugging Face cache (HF_HUB_CACHE, HF_HOME).
// Reads directory entries only; opening is model.h's.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/paths.h"
#include "core/base/result.h"

namespace fabula::model {

struct LibraryEntry {
  std::string name;            // unique within one listing, short: the file's stem or the directory's name
  std::filesystem::path path;  // what open_model takes
  uint64_t bytes = 0;          // of the file, or of the weight files in the directory
  std::string found_in;        // "Fabula", "Hugging Face"
};

// What a model is called everywhere: its file's stem without "-00001-of-0000N", its directory's name;
// models--org--name/snapshots/... is "name".
std::string model_name(const std::filesystem::path& path);

// Sorted by name. Folders that cannot be read are passed over. Thread: any.
std::vector<LibraryEntry> list_models(const Places& places);

// A path that exists, or the name of an entry. Errors: not_found (names what is at hand).
Result<std::filesystem::path> find_model(const Places& places, const std::string& path_or_name);

}  // namespace fabula::model
