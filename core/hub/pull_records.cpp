#include "core/hub/pull_records.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/leftovers.h"

namespace fabula::hub {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t max_record_bytes = uint64_t{4} << 20;

fs::path record_file(const Places& places, const std::string& name) {
  Sha256 hash;
  hash.update(name);
  return partial_folder(places) / (to_hex(hash.finish()).substr(0, 32) + ".pull");
}

fs::path receipt_file(const fs::path& folder) { return folder / receipt_name; }

Json json_of(const std::vector<RepositoryFile>& files) {
  Json list = Json::array();
  for (const RepositoryFile& file : files) list.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  return list;
}

Json read_object(const fs::path& file) {
  const auto text = read_file(file, max_record_bytes);
  if (!text.ok()) return Json::object();
  auto json = parse_json(*text, file.string());
  return json.ok() && json->is_object() ? *std::move(json) : Json::object();
}

std::string text_of(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::vector<RepositoryFile> files_of(const Json& json) {
  std::vector<RepositoryFile> files;
  const auto list = json.find("files");
  if (list == json.end() || !list->is_array()) return files;
  for (const Json& entry : *list) {
    if (!entry.is_object() || !entry.contains("bytes") || !entry["bytes"].is_number_unsigned()) continue;
    RepositoryFile file{.path = text_of(entry, "path"), .bytes = entry["bytes"].get<uint64_t>(), .sha256 = text_of(entry, "sha256")};
    const bool sound_hash = file.sha256.empty() || (file.sha256.size() == 64 && file.sha256.find('/') == std::string::npos);
    if (is_safe_path(file.path) && sound_hash) files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

fs::path partial_folder(const Places& places) { return places.models_folder() / ".partial"; }

Status write_record(const Places& places, const PullRecord& record) {
  FABULA_TRY(fabula::create_directories(partial_folder(places)));
  return write_file_atomically(record_file(places, record.name), dump_json(Json{{"name", record.name}, {"files", json_of(record.files)}}));
}

std::vector<PullRecord> read_records(const Places& places) {
  std::vector<PullRecord> records;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(partial_folder(places), error)) {
    if (entry.path().extension() != ".pull") continue;
    const Json json = read_object(entry.path());
    PullRecord record{.name = text_of(json, "name"), .files = files_of(json)};
    if (parse_pull_name(record.name).ok()) records.push_back(std::move(record));
  }
  std::ranges::sort(records, {}, &PullRecord::name);
  return records;
}

void remove_record(const Places& places, const std::string& name) {
  std::error_code ignored;
  fs::remove(record_file(places, name), ignored);
  remove_leftovers(record_file(places, name));
}

Receipt read_receipt(const fs::path& folder) {
  const Json json = read_object(receipt_file(folder));
  return {text_of(json, "repository"), text_of(json, "revision"), text_of(json, "licence"), files_of(json)};
}

Status write_receipt(const fs::path& folder, const Receipt& receipt) {
  std::error_code error;
  if (receipt.files.empty()) return fs::remove(receipt_file(folder), error), Status();
  return write_file_atomically(receipt_file(folder), dump_json(Json{{"repository", receipt.repository},
                                                                    {"revision", receipt.revision},
                                                                    {"licence", receipt.licence},
                                                                    {"files", json_of(receipt.files)}}, 1));
}

Status add_to_receipt(const fs::path& folder, const Receipt& added) {
  Receipt receipt = added;
  for (RepositoryFile& file : read_receipt(folder).files)
    if (std::ranges::find(added.files, file.path, &RepositoryFile::path) == added.files.end()) receipt.files.push_back(std::move(file));
  return write_receipt(folder, receipt);
}

}  // namespace fabula::hub
