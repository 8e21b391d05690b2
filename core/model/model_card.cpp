#include "core/model/model_card.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/formats/gguf.h"
#include "core/model/families.h"
#include "core/model/model.h"

namespace fabula::model {

namespace {

constexpr int cards_revision = 1;  // raised when a card would be read differently from the same file

// general.file_type of GGUF files, as the format's description lists them (ggml/docs/gguf.md).
struct FileType {
  int64_t number;
  std::string_view name;
};
constexpr std::array file_types{
    FileType{0, "F32"},      FileType{1, "F16"},      FileType{2, "Q4_0"},    FileType{3, "Q4_1"},    FileType{7, "Q8_0"},
    FileType{8, "Q5_0"},     FileType{9, "Q5_1"},     FileType{10, "Q2_K"},   FileType{11, "Q3_K_S"}, FileType{12, "Q3_K_M"},
    FileType{13, "Q3_K_L"},  FileType{14, "Q4_K_S"},  FileType{15, "Q4_K_M"}, FileType{16, "Q5_K_S"}, FileType{17, "Q5_K_M"},
    FileType{18, "Q6_K"},    FileType{19, "IQ2_XXS"}, FileType{20, "IQ2_XS"}, FileType{21, "Q2_K_S"}, FileType{22, "IQ3_XS"},
    FileType{23, "IQ3_XXS"}, FileType{24, "IQ1_S"},   FileType{25, "IQ4_NL"}, FileType{26, "IQ3_S"},  FileType{27, "IQ3_M"},
    FileType{28, "IQ2_S"},   FileType{29, "IQ2_M"},   FileType{30, "IQ4_XS"}, FileType{31, "IQ1_M"},  FileType{32, "BF16"},
    FileType{36, "TQ1_0"},   FileType{37, "TQ2_0"},   FileType{38, "MXFP4"}};

std::string type_of_most_bytes(std::span<const formats::TensorInfo> tensors) {
  std::map<std::string, uint64_t> bytes;
  for (const formats::TensorInfo& tensor : tensors) bytes[std::string(formats::dtype_info(tensor.type).name)] += tensor.bytes;
  const auto most = std::ranges::max_element(bytes, {}, [](const auto& entry) { return entry.second; });
  return most == bytes.end() ? std::string() : most->first;
}

// What the file calls itself counts where its tensors bear it out: a file that was quantised anew keeps its old claim.
std::string type_of(const Model& model) {
  const std::string most = type_of_most_bytes(model.source->tensors());
  const auto* gguf = dynamic_cast<const formats::Gguf*>(model.source.get());
  const auto* claim = gguf ? formats::find_or_null(gguf->metadata(), "general.file_type") : nullptr;
  const auto number = claim && !claim->is_array ? claim->integer_or_none() : std::nullopt;
  const auto row = std::ranges::find(file_types, number.value_or(-1), &FileType::number);
  if (row == file_types.end() || !row->name.starts_with(most.substr(0, 3))) return most;
  return std::string(row->name);
}

std::string source_in(const Model& model) {
  const auto* gguf = dynamic_cast<const formats::Gguf*>(model.source.get());
  if (!gguf) return {};
  for (const char* key : {"general.source.huggingface.repository", "general.source.repo_url", "general.repo_url", "general.source.url"}) {
    const auto* value = formats::find_or_null(gguf->metadata(), key);
    const auto text = value && !value->is_array ? value->text_or_none() : std::nullopt;
    if (!text || text->empty()) continue;
    constexpr std::string_view hub = "https://huggingface.co/";
    return std::string(text->starts_with(hub) ? text->substr(hub.size()) : *text);
  }
  return {};
}

// "license: apache-2.0" between the --- lines at the top of a model card; of a licence's own text, its first line.
std::string licence_in(const std::filesystem::path& path) {
  if (path.empty()) return {};
  const auto file = File::open(path);
  if (!file.ok()) return {};
  std::string head(std::min<uint64_t>(file->size_bytes(), 16384), '\0');
  if (!file->read_at(0, std::as_writable_bytes(std::span(head))).ok()) return {};
  const bool is_card = path.filename() == "README.md";
  if (is_card && !head.starts_with("---")) return {};
  size_t at = 0;
  for (int line_number = 0; at < head.size(); ++line_number) {
    const size_t end = std::min(head.find('\n', at), head.size());
    std::string line = head.substr(at, end - at);
    at = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!is_card && line.find_first_not_of(" \t") != std::string::npos) return line.substr(line.find_first_not_of(" \t")).substr(0, 80);
    if (!is_card) continue;
    if (line_number > 0 && line == "---") break;
    for (const std::string_view key : {"license_name: ", "license: "})
      if (line.starts_with(key) && line.substr(key.size()) != "other") return line.substr(key.size()).substr(0, 80);
  }
  return {};
}

// A list shows where a model lies already: its path goes where it stands before the words, else its name is enough.
std::string without_place(std::string words, const std::filesystem::path& path) {
  const std::string place = path.string(), name = path.filename().string();
  if (words.starts_with(place + ": ")) words.erase(0, place.size() + 2);
  for (size_t at = words.find(place); at != std::string::npos; at = words.find(place, at + name.size())) words.replace(at, place.size(), name);
  return words;
}

template <class Self, class Visit>
void visit_card(Self& card, Visit&& visit) {
  visit("format", card.format);
  visit("architecture", card.architecture);
  visit("type", card.type);
  visit("licence", card.licence);
  visit("source", card.source);
  visit("parameters", card.parameters);
  visit("context_length", card.context_length);
  visit("chats", card.chats);
  visit("fingerprint", card.fingerprint);
  visit("unusable", card.unusable);
}

template <class T>
bool take(const Json& json, const char* key, T& out) {
  const auto at = json.find(key);
  if (at == json.end()) return false;
  if constexpr (std::is_same_v<T, std::string>) {
    if (!at->is_string()) return false;
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!at->is_boolean()) return false;
  } else {
    if (!at->is_number_unsigned()) return false;
  }
  out = at->template get<T>();
  return true;
}

std::string version_key() { return std::to_string(cards_revision) + " " + known_families(); }

}  // namespace

ModelCard read_model_card(const FoundModel& found) {
  ModelCard card;
  const auto opened = open_model(found.path, {.fingerprint = false});
  card.licence = licence_in(found.licence_file);
  if (!opened.ok()) {
    card.unusable = without_place(opened.error().message, found.path);
    return card;
  }
  const Model& model = **opened;
  card.format = model.info.format;
  card.architecture = model.info.architecture;
  card.type = type_of(model);
  if (!model.info.licence.empty()) card.licence = model.info.licence;
  card.source = source_in(model);
  card.parameters = model.info.parameters;
  card.context_length = model.spec.context_length;
  card.chats = model.chat_template != nullptr;
  return card;
}

std::string stamp_of(const FoundModel& found) {
  std::vector<std::filesystem::path> files = found.weight_files;
  std::error_code ignored;
  if (std::filesystem::is_directory(found.path, ignored))
    for (const char* name : {"config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "chat_template.jinja"})
      if (std::filesystem::exists(found.path / name, ignored)) files.push_back(found.path / name);
  std::string stamp;
  for (const std::filesystem::path& file : files) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) return {};
    for (const int64_t value : {static_cast<int64_t>(info.st_size), static_cast<int64_t>(info.st_mtim.tv_sec),
                                static_cast<int64_t>(info.st_mtim.tv_nsec), static_cast<int64_t>(info.st_ino)})
      stamp += std::to_string(value) + ".";
  }
  return stamp;
}

CardCache::CardCache(std::filesystem::path file) : file_(std::move(file)) {
  const auto text = read_file(file_, uint64_t{64} << 20);
  if (!text.ok()) return;
  const auto json = parse_json(*text, file_.string());
  if (!json.ok() || !json->is_object() || json->value("version", Json()) != version_key()) return;
  const auto cards = json->find("cards");
  if (cards == json->end() || !cards->is_object()) return;
  for (auto card = cards->begin(); card != cards->end(); ++card) {
    const Json& value = card.value();
    Kept kept;
    bool sound = value.is_object() && take(value, "stamp", kept.stamp);
    if (sound) visit_card(kept.card, [&](const char* key, auto& field) { sound = sound && take(value, key, field); });
    if (sound) cards_.emplace(card.key(), std::move(kept));
  }
}

std::optional<ModelCard> CardCache::find(const std::filesystem::path& path, const std::string& stamp) const {
  const std::lock_guard lock(mutex_);
  const auto at = cards_.find(path.string());
  if (at == cards_.end() || stamp.empty() || at->second.stamp != stamp) return std::nullopt;
  return at->second.card;
}

void CardCache::put(const std::filesystem::path& path, const std::string& stamp, ModelCard card) {
  if (stamp.empty()) return;
  const std::lock_guard lock(mutex_);
  cards_.insert_or_assign(path.string(), Kept{stamp, std::move(card)});
  changed_ = true;
}

void CardCache::save() {
  Json cards = Json::object();
  {
    const std::lock_guard lock(mutex_);
    if (!changed_) return;
    changed_ = false;
    std::error_code ignored;
    std::erase_if(cards_, [&](const auto& entry) { return !std::filesystem::exists(entry.first, ignored); });
    for (const auto& [path, kept] : cards_) {
      Json value{{"stamp", kept.stamp}};
      visit_card(kept.card, [&](const char* key, const auto& field) { value[key] = field; });
      cards[path] = std::move(value);
    }
  }
  if (fabula::create_directories(file_.parent_path()).ok())
    (void)write_file_atomically(file_, dump_json(Json{{"version", version_key()}, {"cards", std::move(cards)}})).ok();
}

}  // namespace fabula::model
