// One engine host per data directory (CONTRACT, Processes): a lock file that the operating system lets go of
// when its holder ends, however it ends. Attaching to a running host over a socket is not built; a second one
// is told who holds the place.
#pragma once

#include <filesystem>

#include "core/base/result.h"

namespace fabula::session {

class HostLock {
 public:
  // Errors: busy (names the program and process that hold it), io.
  static Result<HostLock> acquire(const std::filesystem::path& folder);
  HostLock(HostLock&& other) noexcept;
  HostLock& operator=(HostLock&& other) noexcept;
  ~HostLock();

 private:
  explicit HostLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace fabula::session
