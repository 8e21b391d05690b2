// What pulls leave on disk besides the models: a record of each that is under way (to go on, or to forget), and a
// receipt in each folder that was fetched (what is ours to remove).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/hub/hub.h"

namespace fabula::hub {

std::filesystem::path partial_folder(const Places& places);  // hidden: no list of models looks into it

struct PullRecord {
  std::string name;
  std::vector<RepositoryFile> files;
};
Status write_record(const Places& places, const PullRecord& record);
std::vector<PullRecord> read_records(const Places& places);
void remove_record(const Places& places, const std::string& name);

inline constexpr const char* receipt_name = ".fabula.json";

struct Receipt {
  std::string repository, revision, licence;
  std::vector<RepositoryFile> files;
};
// No receipt: one with nothing in it.
Receipt read_receipt(const std::filesystem::path& folder);
// Files of the same path are replaced, others of an earlier pull stay listed.
Status add_to_receipt(const std::filesystem::path& folder, const Receipt& added);
Status write_receipt(const std::filesystem::path& folder, const Receipt& receipt);  // none where it lists no file

}  // namespace fabula::hub
