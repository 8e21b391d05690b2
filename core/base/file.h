// Files: read with pread (never mapped: a file that another program truncates would be a SIGBUS), written atomically.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace fabula {

// A file opened for reading. read_at may be called from several threads at once.
class File {
 public:
  // Regular files only: a FIFO or device would hang the caller. Errors: not_found, io, invalid_argument (a directory).
  static Result<File> open(const std::filesystem::path& path);
  File() = default;
  ~File();
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;

  uint64_t size_bytes() const { return size_bytes_; }
  const std::filesystem::path& path() const { return path_; }

  // Fills `out` from `offset` or fails; a short file is ErrorCode::corrupt and says how much is missing.
  Status read_at(uint64_t offset, std::span<std::byte> out) const;

 private:
  int descriptor_ = -1;
  uint64_t size_bytes_ = 0;
  std::filesystem::path path_;
};

// The whole of a small file. Larger than max_bytes: ErrorCode::corrupt.
Result<std::string> read_file(const std::filesystem::path& path, uint64_t max_bytes);

enum class Readable { by_everyone, by_owner };  // by_owner: secrets; mode 0600 from the first byte on

// Written to a temporary file beside `path`, synced, renamed: after a crash there is the old content or the new one.
Status write_file_atomically(const std::filesystem::path& path, std::string_view bytes, Readable readable = Readable::by_everyone);

Status create_directories(const std::filesystem::path& path);

// "Permission denied" and the like, with what was being done and to which path.
Error io_error(std::string_view doing, const std::filesystem::path& path, int error_number);

}  // namespace fabula
