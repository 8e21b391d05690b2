// What identifies a model: every byte of its header, configuration and tensors. Two files with the same
// fingerprint are the same model; a changed weight changes it. It keys the prefix store and stands in every
// receipt.
//
// A tree of SHA-256: each file is cut into pieces of 16 MiB, the pieces are hashed by several threads, the
// digests hashed in order. So it is always of the whole content, never a sample, and as fast as the disk (or
// some GB/s from the page cache). Where a folder is given for it, the result is remembered by real path,
// size, modification time (ns) and inode.
#pragma once

#include <atomic>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/base/file.h"
#include "core/base/result.h"

namespace fabula::model {

struct FingerprintOptions {
  std::filesystem::path memory_folder;  // "" remembers nothing; failing to write there is no error
  int threads = 0;                      // 0: by the machine, at most 8
  const std::atomic<bool>* cancel = nullptr;
};

// `header` is hashed first (config.json of a directory; empty for GGUF). Errors: io, corrupt (a file shrank meanwhile),
// cancelled.
Result<std::string> model_fingerprint(std::span<const File> files, std::string_view header,
                                      const FingerprintOptions& options = {});

}  // namespace fabula::model
