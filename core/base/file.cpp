#include "core/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/blocking.h"
#include "core/base/leftovers.h"

namespace fabula {

namespace {

constexpr std::string_view temporary_ending = ".XXXXXX";  // mkostemp puts letters and digits for the X
constexpr size_t read_chunk_bytes = size_t{1} << 30;  // Linux transfers at most 2^31 - 4096 bytes a call

Status write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return io_error("write", path, errno);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace

Error io_error(std::string_view doing, const std::filesystem::path& path, int error_number) {
  const ErrorCode code = error_number == ENOENT || error_number == ENOTDIR ? ErrorCode::not_found : ErrorCode::io;
  return {code, "cannot " + std::string(doing) + " " + path.string() + ": " + std::generic_category().message(error_number)};
}

Result<File> File::open(const std::filesystem::path& path) {
  may_block("disk", "open " + path.string());
  File file;
  file.path_ = path;
  file.descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.descriptor_ < 0) return io_error("open", path, errno);
  struct stat info {};
  if (::fstat(file.descriptor_, &info) != 0) return io_error("examine", path, errno);
  if (S_ISDIR(info.st_mode)) return Error{ErrorCode::invalid_argument, path.string() + " is a directory, not a file"};
  if (!S_ISREG(info.st_mode)) return Error{ErrorCode::invalid_argument, path.string() + " is not a regular file"};
  file.size_bytes_ = static_cast<uint64_t>(info.st_size);
  return file;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), size_bytes_(other.size_bytes_), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_bytes_, other.size_bytes_);
  std::swap(path_, other.path_);
  return *this;
}

Status File::read_at(uint64_t offset, std::span<std::byte> out) const {
  may_block("disk", "read");
  while (!out.empty()) {
    const size_t want = out.size() < read_chunk_bytes ? out.size() : read_chunk_bytes;
    const ssize_t got = ::pread(descriptor_, out.data(), want, static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) continue;
      return io_error("read", path_, errno);
    }
    if (got == 0)
      return Error{ErrorCode::corrupt, path_.string() + " ends at byte " + std::to_string(offset) + ", " +
                                           std::to_string(out.size()) + " bytes short"};
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return {};
}

Result<std::string> read_file(const std::filesystem::path& path, uint64_t max_bytes) {
  FABULA_ASSIGN(const File file, File::open(path));
  if (file.size_bytes() > max_bytes)
    return Error{ErrorCode::corrupt, path.string() + " is " + std::to_string(file.size_bytes()) + " bytes; at most " +
                                         std::to_string(max_bytes) + " make sense here"};
  std::string bytes(file.size_bytes(), '\0');
  FABULA_TRY(file.read_at(0, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

Status write_file_atomically(const std::filesystem::path& path, std::string_view bytes, Readable readable) {
  may_block("disk", "write " + path.string());
  std::string temporary = path.string() + std::string(temporary_ending);
  const int descriptor = ::mkostemp(temporary.data(), O_CLOEXEC);  // made with 0600
  if (descriptor < 0) return io_error("create a file beside", path, errno);
  Status status = write_all(descriptor, bytes, path);
  if (status.ok() && readable == Readable::by_everyone && ::fchmod(descriptor, 0644) != 0) status = io_error("write", path, errno);
  if (status.ok() && ::fsync(descriptor) != 0) status = io_error("sync", path, errno);
  if (::close(descriptor) != 0 && status.ok()) status = io_error("close", path, errno);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) status = io_error("rename to", path, errno);
  if (!status.ok()) {
    ::unlink(temporary.c_str());
    return status;
  }
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (const int parent = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); parent >= 0) {
    ::fsync(parent);  // the rename itself; not every file system can, and the content is safe either way
    ::close(parent);
  }
  return {};
}

void remove_leftovers(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  std::error_code error;
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(path.parent_path(), error)) {
    const std::string other = entry.path().filename().string();
    if (other.size() == name.size() + temporary_ending.size() && other.starts_with(name) && other[name.size()] == '.' &&
        other.find('.', name.size() + 1) == std::string::npos)
      found.push_back(entry.path());
  }
  for (const auto& file : found) std::filesystem::remove(file, error);
}

Status create_directories(const std::filesystem::path& path) {
  may_block("disk", "make folder " + path.string());
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return io_error("create the folder", path, error.value());
  return {};
}

}  // namespace fabula
