// PART and MAP of file_download.h: which pieces of a file are there, and the places to write the others.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace fabula::hub {

// A run of missing pieces that one connection works on; next is the first byte not yet written.
struct Segment {
  uint64_t next = 0, end = 0;
};

// Thread: any number at once.
class PieceMap {
 public:
  PieceMap(std::filesystem::path part, std::filesystem::path map, uint64_t bytes);
  ~PieceMap();
  PieceMap(const PieceMap&) = delete;
  PieceMap& operator=(const PieceMap&) = delete;

  // Makes or finds both files and takes them for this process. Errors: io, busy (another process has them).
  Status open();

  uint64_t bytes_there() const;
  bool whole() const;
  // The next run of missing pieces, at most max_bytes long, marked as taken; none: everything is there or taken.
  std::optional<Segment> take(uint64_t max_bytes);
  void give_back(const Segment& segment);  // what of it is missing may be taken again
  // Writes at segment.next and moves it; a piece that is complete by this is marked in MAP. Errors: io.
  Status write(Segment& segment, std::string_view bytes);
  Status forget_pieces();  // all of them: what is there is wrong
  Status sync();
  const std::filesystem::path& part() const { return part_; }

 private:
  enum class State : uint8_t { missing, there, taken };
  uint64_t piece_end(size_t piece) const;
  Status mark(size_t piece);

  const std::filesystem::path part_, map_;
  const uint64_t bytes_;
  int part_file_ = -1, map_file_ = -1;
  mutable std::mutex mutex_;
  std::vector<State> pieces_;     // guarded by mutex_
  uint64_t bytes_there_ = 0;      // guarded by mutex_; whole pieces and what was written of others
};

// What a MAP of an earlier time says, without opening PART for writing.
uint64_t bytes_in_map(const std::filesystem::path& map, uint64_t bytes);

}  // namespace fabula::hub
