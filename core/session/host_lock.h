// One engine host per data directory (CONTRACT, Processes): a lock file that the operating system lets go of
// when its holder ends, however it ends. Whoever finds it held attaches to the holder (service.cpp).
#pragma once

#include <filesystem>

#include "core/base/descriptor.h"
#include "core/base/result.h"

namespace fabula::session {

class HostLock {
 public:
  // Errors: busy (names the program and process that hold it), io.
  static Result<HostLock> acquire(const std::filesystem::path& folder);

 private:
  explicit HostLock(Descriptor file) : file_(std::move(file)) {}
  Descriptor file_;
};

}  // namespace fabula::session
