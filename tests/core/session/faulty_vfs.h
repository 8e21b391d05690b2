// A disk that misbehaves: an sqlite3_vfs that stands before the system's own. It can refuse writes (full
// disk, I/O errors, short writes) from the n-th on, and it knows at every moment what a power cut would
// leave: what was synced, and of what was not any part.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace fabula::session::test {

class FaultyDisk {
 public:
  enum class Fault { none, full, write_error, short_write, sync_error };

  FaultyDisk();
  ~FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  const char* vfs_name() const { return name_.c_str(); }

  // The next `good` writes (syncs for sync_error) succeed, all later ones fail until repair().
  void break_after(int64_t good, Fault fault);
  void repair() { fault_ = Fault::none; }
  bool was_hit() const { return was_hit_; }

  // Called before every write and sync.
  std::function<void()> on_access;

  // The files as a power cut at this moment may leave them: torn and partly lost where they were not synced.
  void write_after_power_cut(const std::filesystem::path& folder, std::mt19937_64& random) const;

 private:
  struct Write {
    int64_t offset = 0;
    std::string bytes;
    bool truncates = false;
  };
  struct Image {
    std::string durable;
    std::vector<Write> pending;
  };
  struct OpenFile;
  static void apply(std::string& bytes, const Write& write);
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags);
  static int remove(sqlite3_vfs* vfs, const char* name, int sync_folder);
  int may_write(const OpenFile& file, const void* bytes, int size, int64_t offset);

  std::string name_;
  sqlite3_vfs* base_;
  sqlite3_vfs vfs_;
  sqlite3_io_methods methods_{};
  std::map<std::string, Image> images_;  // by file name
  Fault fault_ = Fault::none;
  int64_t good_left_ = 0;
  bool was_hit_ = false;
};

}  // namespace fabula::session::test
