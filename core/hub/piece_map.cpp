#include "core/hub/piece_map.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/file.h"
#include "core/hub/file_download.h"

namespace fabula::hub {

namespace {

constexpr uint8_t there_mark = 1;

uint64_t count_pieces(uint64_t bytes) { return (bytes + piece_bytes - 1) / piece_bytes; }

Status write_at(int file, uint64_t at, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write", path, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
    at += static_cast<uint64_t>(written);
  }
  return {};
}

}  // namespace

uint64_t bytes_in_map(const std::filesystem::path& map, uint64_t bytes) {
  const uint64_t pieces = count_pieces(bytes);
  const auto marks = read_file(map, pieces);
  if (!marks.ok()) return 0;
  uint64_t there = 0;
  for (size_t i = 0; i < marks->size(); ++i)
    if (static_cast<uint8_t>((*marks)[i]) == there_mark) there += std::min(piece_bytes, bytes - i * piece_bytes);
  return there;
}

PieceMap::PieceMap(std::filesystem::path part, std::filesystem::path map, uint64_t bytes)
    : part_(std::move(part)), map_(std::move(map)), bytes_(bytes) {}

PieceMap::~PieceMap() {
  if (part_file_ >= 0) ::close(part_file_);
  if (map_file_ >= 0) ::close(map_file_);
}

Status PieceMap::open() {
  part_file_ = ::open(part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (part_file_ < 0) return io_error("write", part_, errno);
  if (::flock(part_file_, LOCK_EX | LOCK_NB) != 0) return Error{ErrorCode::busy, "another program is fetching this file already"};
  struct stat info {};
  if (::fstat(part_file_, &info) != 0) return io_error("examine", part_, errno);
  // A map without the file it speaks of says nothing.
  const bool known = static_cast<uint64_t>(info.st_size) == bytes_;
  map_file_ = ::open(map_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (known ? 0 : O_TRUNC), 0644);
  if (map_file_ < 0) return io_error("write", map_, errno);
  // After the map was emptied: a kill in between must not leave an old map beside a file of holes.
  if (!known && ::ftruncate(part_file_, static_cast<off_t>(bytes_)) != 0) return io_error("write", part_, errno);
  const std::lock_guard lock(mutex_);
  pieces_.assign(count_pieces(bytes_), State::missing);
  std::string marks(pieces_.size(), '\0');
  const ssize_t read = ::pread(map_file_, marks.data(), marks.size(), 0);
  for (size_t i = 0; i < static_cast<size_t>(std::max<ssize_t>(read, 0)); ++i) {
    if (static_cast<uint8_t>(marks[i]) != there_mark) continue;
    pieces_[i] = State::there;
    bytes_there_ += piece_end(i) - i * piece_bytes;
  }
  return {};
}

uint64_t PieceMap::piece_end(size_t piece) const { return std::min(bytes_, (piece + 1) * piece_bytes); }

uint64_t PieceMap::bytes_there() const {
  const std::lock_guard lock(mutex_);
  return bytes_there_;
}

bool PieceMap::whole() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(pieces_, [](State s) { return s == State::there; });
}

std::optional<Segment> PieceMap::take(uint64_t max_bytes) {
  const std::lock_guard lock(mutex_);
  const auto first = std::ranges::find(pieces_, State::missing);
  if (first == pieces_.end()) return std::nullopt;
  const auto begin = static_cast<size_t>(first - pieces_.begin());
  size_t end = begin;
  while (end < pieces_.size() && pieces_[end] == State::missing && (end == begin || (end - begin + 1) * piece_bytes <= max_bytes))
    pieces_[end++] = State::taken;
  return Segment{begin * piece_bytes, piece_end(end - 1)};
}

void PieceMap::give_back(const Segment& segment) {
  const std::lock_guard lock(mutex_);
  if (segment.next < segment.end) bytes_there_ -= segment.next % piece_bytes;  // of a piece that is not whole nothing is kept
  for (size_t i = segment.next / piece_bytes; i * piece_bytes < segment.end; ++i)
    if (pieces_[i] == State::taken) pieces_[i] = State::missing;
}

Status PieceMap::write(Segment& segment, std::string_view bytes) {
  bytes = bytes.substr(0, segment.end - segment.next);
  while (!bytes.empty()) {
    const size_t piece = segment.next / piece_bytes;
    const uint64_t n = std::min<uint64_t>(bytes.size(), piece_end(piece) - segment.next);
    FABULA_TRY(write_at(part_file_, segment.next, bytes.substr(0, n), part_));
    segment.next += n;
    bytes.remove_prefix(n);
    {
      const std::lock_guard lock(mutex_);
      bytes_there_ += n;
    }
    if (segment.next == piece_end(piece)) FABULA_TRY(mark(piece));
  }
  return {};
}

Status PieceMap::mark(size_t piece) {
  const char one = there_mark;
  FABULA_TRY(write_at(map_file_, piece, {&one, 1}, map_));
  const std::lock_guard lock(mutex_);
  pieces_[piece] = State::there;
  return {};
}

Status PieceMap::forget_pieces() {
  const std::lock_guard lock(mutex_);
  std::ranges::fill(pieces_, State::missing);
  bytes_there_ = 0;
  if (::ftruncate(map_file_, 0) != 0) return io_error("write", map_, errno);
  return {};
}

Status PieceMap::sync() {
  if (::fsync(part_file_) != 0) return io_error("write", part_, errno);
  return {};
}

}  // namespace fabula::hub
