// The models at hand: found where users and other programs keep them (model_stores.h), never copied, each with what its
// headers say (model_card.h).
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/model/model_card.h"
#include "core/model/model_stores.h"

namespace fabula::model {

struct LibraryEntry {
  std::string name;                      // unique in one listing; taken wherever a MODEL is asked for
  std::vector<std::string> other_names;  // of the same file elsewhere; taken as well
  std::filesystem::path path;            // what open_model takes
  uint64_t bytes = 0;                    // of all its weight files
  std::string found_in;                  // "Fabula", built_in, "Hugging Face", "LM Studio", "Ollama", a user's folder
  std::string source;                    // "HuggingFaceTB/SmolLM2-135M-Instruct", "llama3.2:1b"; "" unknown
  int64_t last_used = 0;                 // milliseconds since 1970; 0: never here
  bool card_known = false;               // false: not read yet
  ModelCard card;
  std::vector<std::filesystem::path> weight_files;
  std::filesystem::path licence_file;
  std::string stamp;  // of model_card.h
};

struct ListOptions {
  bool read_new = true;  // false: cards that nobody read yet stay empty (card_known)
  const std::atomic<bool>* cancel = nullptr;
};

// Sorted by name, cards of new files read by several threads. The same file found twice (links, two tags) stands once.
// Thread: any; touches the disk.
std::vector<LibraryEntry> list_models(const Places& places, const ListOptions& options = {});

// A path that exists, or a name or source of an entry. Errors: not_found (names what is at hand).
Result<std::filesystem::path> find_model(const Places& places, const std::string& path_or_name);

// Notes that a model was loaded now. Never fails: the date is a convenience.
void remember_use(const Places& places, const std::filesystem::path& path);

// ---- for who keeps a listing up to date (library_watch.h)

struct Listing {
  std::vector<LibraryEntry> entries;
  std::vector<std::filesystem::path> folders;  // to watch
};
Listing find_models(const Places& places, const CardCache& cards);  // names, sizes, cards that are known
void read_cards(std::vector<LibraryEntry>& entries, CardCache& cards, const std::atomic<bool>* cancel);
std::filesystem::path cards_file(const Places& places);

}  // namespace fabula::model
