#include "core/base/memory_info.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

namespace fabula {

namespace {

std::optional<uint64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;  // not there, or "max"
}

uint64_t value_in(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string name; file >> name;) {
    uint64_t value = 0;
    if (name == key && file >> value) return value;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

// Used memory that is page cache of closed files is given back when asked for.
std::optional<uint64_t> left(std::optional<uint64_t> limit, std::optional<uint64_t> used, uint64_t reclaimable) {
  if (!limit || !used) return std::nullopt;
  const uint64_t held = *used - std::min(*used, reclaimable);
  return *limit - std::min(*limit, held);
}

// The group's path of /proc/self/cgroup, below `root`, and every group above it: each may set a limit.
std::optional<uint64_t> left_in_groups(const std::string& root, std::string group, const char* limit, const char* used, const char* reclaimable) {
  std::optional<uint64_t> least;
  while (true) {
    const std::string folder = root + group;
    const auto here = left(number_in(folder + "/" + limit), number_in(folder + "/" + used), value_in(folder + "/memory.stat", reclaimable));
    if (here && (!least || *here < *least)) least = here;
    if (group.empty() || group == "/") return least;
    group.erase(group.rfind('/'));
  }
}

std::optional<uint64_t> left_in_control_group() {
  std::ifstream file("/proc/self/cgroup");
  std::optional<uint64_t> least;
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    std::optional<uint64_t> here;
    if (controllers.empty())
      here = left_in_groups("/sys/fs/cgroup", group, "memory.max", "memory.current", "inactive_file");
    else if (controllers.find("memory") != std::string::npos)
      here = left_in_groups("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
    if (here && (!least || *here < *least)) least = here;
  }
  return least;
}

}  // namespace

uint64_t available_memory_bytes() {
  const uint64_t machine = value_in("/proc/meminfo", "MemAvailable:") * 1024;
  const auto group = left_in_control_group();
  if (!group) return machine;
  return machine > 0 ? std::min(machine, *group) : *group;
}

}  // namespace fabula
