#include "core/model/library.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>
#include <system_error>
#include <thread>

#include "core/base/file.h"
#include "core/base/hash.h"

namespace fabula::model {

namespace fs = std::filesystem;

namespace {

fs::path use_file(const Places& places, const fs::path& path) {
  std::error_code error;
  Sha256 hash;
  hash.update(fs::absolute(path, error).lexically_normal().string());
  return places.state / "models" / to_hex(hash.finish()).substr(0, 32);
}

int64_t last_use(const Places& places, const fs::path& path) {
  struct stat info {};
  if (::stat(use_file(places, path).c_str(), &info) != 0) return 0;
  return static_cast<int64_t>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1000000;
}

uint64_t total_bytes(const std::vector<fs::path>& files) {
  uint64_t bytes = 0;
  for (const fs::path& file : files) {
    std::error_code error;
    const uint64_t size = fs::file_size(file, error);
    bytes += error ? 0 : size;
  }
  return bytes;
}

// Joins what is the same file and gives every model a name of its own.
class Namer {
 public:
  void add(LibraryEntry entry) {
    struct stat info {};
    const bool known = !entry.weight_files.empty() && ::stat(entry.weight_files.front().c_str(), &info) == 0;
    if (known) {
      const auto [place, is_new] = by_file_.try_emplace({info.st_dev, info.st_ino}, entries_.size());
      if (!is_new) {
        LibraryEntry& first = entries_[place->second];
        if (first.name != entry.name) first.other_names.push_back(entry.name);
        if (first.source.empty()) first.source = entry.source;
        return;
      }
    }
    entry.name = unique(entry);
    entries_.push_back(std::move(entry));
  }

  std::vector<LibraryEntry> finish() {
    std::ranges::sort(entries_, {}, &LibraryEntry::name);
    return std::move(entries_);
  }

 private:
  // The first keeps the short name; others say where they come from, then count.
  std::string unique(const LibraryEntry& entry) {
    if (names_.insert(entry.name).second) return entry.name;
    std::string place;
    for (const char c : entry.found_in)
      if (c != ' ') place += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    const std::string with_place = entry.name + "@" + place;
    std::string name = with_place;
    for (int i = 2; !names_.insert(name).second; ++i) name = with_place + "-" + std::to_string(i);
    return name;
  }

  std::vector<LibraryEntry> entries_;
  std::set<std::string> names_;
  std::map<std::pair<dev_t, ino_t>, size_t> by_file_;
};

bool goes_by(const LibraryEntry& entry, const std::string& name) {
  return entry.name == name || std::ranges::find(entry.other_names, name) != entry.other_names.end();
}

}  // namespace

fs::path cards_file(const Places& places) { return places.cache / "models.json"; }

Listing find_models(const Places& places, const CardCache& cards) {
  StoreContents contents;
  for (const ModelStore& store : model_stores(places)) search_store(store, contents);
  Namer namer;
  for (FoundModel& found : contents.models) {
    LibraryEntry entry{.name = found.name, .path = found.path, .found_in = found.found_in, .source = found.source};
    entry.bytes = total_bytes(found.weight_files);
    entry.last_used = last_use(places, found.path);
    entry.stamp = stamp_of(found);
    entry.weight_files = std::move(found.weight_files);
    if (auto card = cards.find(entry.path, entry.stamp)) {
      entry.card = *std::move(card);
      entry.card_known = true;
      if (entry.source.empty()) entry.source = entry.card.source;
    }
    entry.licence_file = std::move(found.licence_file);
    namer.add(std::move(entry));
  }
  return {namer.finish(), std::move(contents.folders)};
}

void read_cards(std::vector<LibraryEntry>& entries, CardCache& cards, const std::atomic<bool>* cancel) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < entries.size() && !(cancel && cancel->load()); i = next++) {
      LibraryEntry& entry = entries[i];
      if (entry.card_known) continue;
      entry.card = read_model_card({.path = entry.path, .weight_files = entry.weight_files, .licence_file = entry.licence_file});
      entry.card_known = true;
      if (entry.source.empty()) entry.source = entry.card.source;
      cards.put(entry.path, entry.stamp, entry.card);
    }
  };
  {
    std::vector<std::jthread> others;
    const size_t unread = static_cast<size_t>(std::ranges::count(entries, false, &LibraryEntry::card_known));
    const size_t threads = std::min<size_t>({unread, std::max(1u, std::thread::hardware_concurrency()), 8});
    for (size_t t = 1; t < threads; ++t) others.emplace_back(work);
    work();
  }
  cards.save();
}

std::vector<LibraryEntry> list_models(const Places& places, const ListOptions& options) {
  CardCache cards(cards_file(places));
  std::vector<LibraryEntry> entries = find_models(places, cards).entries;
  if (options.read_new) read_cards(entries, cards, options.cancel);
  return entries;
}

Result<fs::path> find_model(const Places& places, const std::string& path_or_name) {
  std::error_code error;
  if (fs::exists(path_or_name, error)) return fs::path(path_or_name);
  const std::vector<LibraryEntry> entries = list_models(places, {.read_new = false});
  for (const LibraryEntry& entry : entries)
    if (goes_by(entry, path_or_name)) return entry.path;
  std::string at_hand;
  const LibraryEntry* by_source = nullptr;
  int sources = 0;
  for (const LibraryEntry& entry : entries) {
    if (!entry.source.empty() && entry.source == path_or_name) by_source = &entry, ++sources;
    at_hand += (at_hand.empty() ? "" : ", ") + entry.name;
  }
  if (sources == 1) return by_source->path;
  return Error{ErrorCode::not_found, "there is no file, folder or model called \"" + path_or_name + "\"" +
                                         (at_hand.empty() ? "" : "; at hand: " + at_hand)};
}

void remember_use(const Places& places, const fs::path& path) {
  const fs::path file = use_file(places, path);
  if (fabula::create_directories(file.parent_path()).ok()) (void)write_file_atomically(file, path.string()).ok();
}

}  // namespace fabula::model
