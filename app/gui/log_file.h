// The log of the window: lines are queued by any thread and written by one of its own, so that nobody waits on the disk.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/log.h"

namespace fabula::gui {

class LogFile final : public LogSink {
 public:
  explicit LogFile(std::filesystem::path file);  // a file above 4 MB is started anew, the old one kept beside it
  ~LogFile() override;                           // writes what is queued
  void write(LogLevel level, std::string_view line) override;

 private:
  void loop();
  std::filesystem::path file_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;  // guarded by mutex_
  bool stop_ = false;              // guarded by mutex_
  std::thread thread_;
};

}  // namespace fabula::gui
