// One large file, fetched in pieces over several connections, checked, and only then given its name.
//
// On the way it lies in a folder that no list of models looks into, under its SHA-256: PART (its full length, with
// holes) and MAP (one byte for each MiB: 1 where it is there). Whoever starts again, after a cut, a full disk or a
// kill at any instant, fetches what the map lacks. The SHA-256 of the whole is checked at the end, so that neither a
// wrong byte from the network nor one that a power cut swallowed passes; then everything is fetched anew, once.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "core/base/result.h"
#include "core/net/http_client.h"

namespace fabula::hub {

inline constexpr uint64_t piece_bytes = uint64_t{1} << 20;

struct FileDownload {
  std::string url;
  std::string bearer_token;
  std::string what;                    // for messages: "org/name: model.gguf"
  uint64_t bytes = 0;
  std::string sha256;                  // hex
  std::filesystem::path folder;        // of PART and MAP
  std::filesystem::path destination;   // in the same file system; where it has the right length already, it is what was checked before
  int connections = 4;
  double stall_seconds = 30;
  int tries = 8;                       // without a single new byte in between
  std::function<Error(const net::HttpHead&)> refusal;       // what another status than 200, 206 means
  std::function<void(uint64_t bytes_there)> on_progress;    // from any of the connections' threads
  std::function<void()> on_verify;                          // before the whole is read and checked
  const std::atomic<bool>* cancel = nullptr;
};

// Bytes that are there already from an earlier time.
uint64_t bytes_there(const FileDownload& download);

// Blocks. Errors: cancelled (what came stays), io (network, or a full disk: says which), corrupt (the hub's file is not
// what it said, twice), busy (another program fetches the same file), and those of refusal().
Status download_file(const FileDownload& download);

// Removes PART and MAP.
void forget_download(const FileDownload& download);

}  // namespace fabula::hub
