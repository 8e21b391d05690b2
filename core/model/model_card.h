// What a list of models tells of one: read once from its headers, then remembered by path, size and time of its files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/model/model_stores.h"

namespace fabula::model {

struct ModelCard {
  std::string format;        // "gguf", "safetensors"; "" where it could not be opened
  std::string architecture;  // "llama"
  std::string type;          // "Q4_K_M" where the file says so, else the type of most bytes: "BF16"
  std::string licence;       // "apache-2.0"; "" unknown
  std::string source;        // the repository it says it comes from; "" where it does not
  uint64_t parameters = 0;
  int64_t context_length = 0;
  bool chats = false;        // brings a chat template
  std::string fingerprint;   // "" until computed
  std::string unusable;      // why Fabula cannot run it: which tensor, which field; "" where it can
};

// Opens headers, tokenizer and template, never the tensors. Never fails: what is wrong stands in `unusable`.
ModelCard read_model_card(const FoundModel& found);

// Sizes, modification times (ns) and inodes of all its files: another stamp is another model. "" where one is missing.
std::string stamp_of(const FoundModel& found);

// Cards on disk, in one JSON file; whatever is wrong with that file, cards are read anew. Cards of another version of
// Fabula are not used: it may understand more. Thread: any.
class CardCache {
 public:
  explicit CardCache(std::filesystem::path file);
  std::optional<ModelCard> find(const std::filesystem::path& path, const std::string& stamp) const;
  void put(const std::filesystem::path& path, const std::string& stamp, ModelCard card);
  // Writes what is new; cards of files that are gone are dropped. Failing to write is no harm: they are read again.
  void save();

 private:
  struct Kept {
    std::string stamp;
    ModelCard card;
  };
  const std::filesystem::path file_;
  mutable std::mutex mutex_;
  std::map<std::string, Kept> cards_;  // guarded by mutex_, as is changed_
  bool changed_ = false;
};

}  // namespace fabula::model
