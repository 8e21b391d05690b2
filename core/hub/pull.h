// Fetching a model whole: which files, is there room, fetch, check, and only then show it under its name in Fabula's
// folder of models (org/name/...). Stopped at any point and by whatever, it goes on where it was.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/paths.h"
#include "core/base/result.h"
#include "core/hub/hub.h"

namespace fabula::hub {

struct PullProgress {
  enum class Phase { asking, fetching, checking, finished };
  Phase phase = Phase::asking;
  uint64_t bytes_done = 0, bytes_total = 0;
  double bytes_per_second = 0;  // of the last seconds
  std::string file;             // the one in work
};

struct PullOptions {
  Places places;
  Access access;
  int connections = 4;
  double stall_seconds = 30;
  int tries = 8;
  std::function<void(const PullProgress&)> on_progress;  // from any thread, one call at a time, at most ten a second
  const std::atomic<bool>* cancel = nullptr;
};

struct Pulled {
  std::filesystem::path model;  // what open_model takes
  uint64_t bytes = 0;
  bool was_there = false;  // nothing had to be fetched
};

// Blocks. Errors: not_found, unsupported (gated), busy, io (network, too little room: both numbers), corrupt, cancelled
// (what came stays).
Result<Pulled> pull(const PullName& name, const PullOptions& options);

// Pulls that were begun and neither finished nor forgotten.
struct UnfinishedPull {
  std::string name;  // as parse_pull_name takes it
  uint64_t bytes_done = 0, bytes_total = 0;
};
std::vector<UnfinishedPull> unfinished_pulls(const Places& places);
void forget_pull(const Places& places, const std::string& name);  // and what came of it

// Deletes files of one model in Fabula's own folder, never anywhere else, and folders that become empty. Without `force`
// only what pull() fetched. Errors: invalid_argument (another program's, or the user's own: says so), io.
Status remove_model_files(const Places& places, const std::filesystem::path& model, const std::vector<std::filesystem::path>& weight_files,
                          bool force);

}  // namespace fabula::hub
