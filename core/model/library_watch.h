// The list of models, kept up to date for a window: one thread looks for models, reads new headers, computes missing
// fingerprints when nothing else is to be done, and looks again when something changes in the folders.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/folder_watch.h"
#include "core/base/log.h"
#include "core/model/library.h"

namespace fabula::model {

struct LibrarySnapshot {
  std::vector<LibraryEntry> models;  // sorted by name
  bool complete = false;             // false: headers of new files are being read
};

// Thread: snapshot() and look_again() from any; neither waits for the disk.
class LibraryWatch {
 public:
  struct Options {
    Places places;
    std::function<void()> on_change;  // on the library's own thread; must not block
    bool fingerprints = true;         // read whole files in the background, at the lowest priority
    LogSink* log = nullptr;           // outlives this
  };
  explicit LibraryWatch(Options options);
  ~LibraryWatch();  // stops at once

  std::shared_ptr<const LibrarySnapshot> snapshot() const;  // never null
  void look_again();                                        // settings changed, a model was used

 private:
  void run();
  void publish(std::vector<LibraryEntry> models, bool complete);
  bool fingerprint_one(std::vector<LibraryEntry>& models, CardCache& cards);  // false: none is missing

  const Options options_;
  std::unique_ptr<FolderWatch> watch_;  // null: the system has none; looks again every minute
  mutable std::mutex mutex_;
  std::shared_ptr<const LibrarySnapshot> snapshot_;  // guarded by mutex_
  std::atomic<bool> stopping_{false};
  std::atomic<bool> interrupt_{false};  // stop what is being read: there is something newer to do
  std::thread thread_;
};

}  // namespace fabula::model
