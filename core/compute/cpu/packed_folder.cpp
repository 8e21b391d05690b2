#include "core/compute/cpu/packed_folder.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "core/base/file.h"

namespace fabula::compute::cpu {

namespace fs = std::filesystem;

namespace {

constexpr uint64_t disk_reserve_bytes = uint64_t{1} << 30;
constexpr std::string_view temporary_ending = ".unfinished";
constexpr std::chrono::hours abandoned_after{1};

struct Copy {
  fs::path file;
  uint64_t bytes;
  fs::file_time_type used;
};

// The finished copies; unfinished ones that nobody can still be writing are removed on the way.
std::vector<Copy> copies_in(const fs::path& folder) {
  std::vector<Copy> copies;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    const Copy copy{at->path(), at->file_size(gone), at->last_write_time(gone)};
    if (gone) continue;
    if (copy.file.extension() == packed_ending) copies.push_back(copy);
    if (copy.file.extension() == temporary_ending && copy.used + abandoned_after < fs::file_time_type::clock::now())
      remove_quietly(copy.file);
  }
  return copies;
}

}  // namespace

bool make_room(const fs::path& folder, uint64_t bytes, uint64_t cap) {
  if (bytes > cap || !fabula::create_directories(folder).ok()) return false;
  std::vector<Copy> copies = copies_in(folder);
  std::sort(copies.begin(), copies.end(), [](const Copy& a, const Copy& b) { return a.used > b.used; });
  uint64_t held = 0;
  for (const Copy& copy : copies) held += copy.bytes;
  for (; !copies.empty() && held > cap - bytes; copies.pop_back()) {
    remove_quietly(copies.back().file);
    held -= copies.back().bytes;
  }
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  return !error && space.available >= disk_reserve_bytes && space.available - disk_reserve_bytes >= bytes;
}

void mark_used(const fs::path& file) {
  std::error_code ignored;
  fs::last_write_time(file, fs::file_time_type::clock::now(), ignored);
}

void remove_quietly(const fs::path& file) {
  std::error_code ignored;
  fs::remove(file, ignored);
}

fs::path temporary_beside(const fs::path& file) {
  const size_t thread = std::hash<std::thread::id>()(std::this_thread::get_id());
  return file.string() + "." + std::to_string(::getpid()) + "-" + std::to_string(thread) + std::string(temporary_ending);
}

}  // namespace fabula::compute::cpu
