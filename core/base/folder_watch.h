// Tells that something changed in one of some folders: made, removed, renamed, written and closed. What it was, the
// caller finds out by looking. Linux: inotify.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "core/base/result.h"

namespace fabula {

// Thread: wait() on one thread; wake() from any.
class FolderWatch {
 public:
  static Result<std::unique_ptr<FolderWatch>> make();
  virtual ~FolderWatch() = default;

  // Watches exactly these, not what lies below them; those that do not exist or are too many for the system are
  // passed over. Returns how many could not be watched.
  virtual size_t watch(const std::vector<std::filesystem::path>& folders) = 0;

  enum class Woken { changed, asked, timeout };
  // A burst of changes counts once: it returns when nothing came for `settle_milliseconds`, or after ten times that.
  // timeout_milliseconds < 0: waits for ever.
  virtual Woken wait(int timeout_milliseconds, int settle_milliseconds = 200) = 0;
  virtual void wake() = 0;
};

}  // namespace fabula
