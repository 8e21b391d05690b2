#include "app/gui/log_file.h"

#include <fstream>
#include <system_error>

#include "core/base/clock.h"
#include "core/base/file.h"

namespace fabula::gui {
namespace {

constexpr uintmax_t max_bytes = 4 << 20;
constexpr size_t max_queued = 10'000;

const char* level_name(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::info: return "info";
    case LogLevel::warning: return "warning";
    case LogLevel::error: return "error";
  }
  return "";
}

}  // namespace

LogFile::LogFile(std::filesystem::path file) : file_(std::move(file)), thread_([this] { loop(); }) {}

LogFile::~LogFile() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void LogFile::write(LogLevel level, std::string_view line) {
  if (level == LogLevel::debug) return;
  std::string full = format_rfc3339(unix_milliseconds()) + " " + level_name(level) + " " + std::string(line) + "\n";
  {
    std::lock_guard lock(mutex_);
    if (lines_.size() >= max_queued) return;
    lines_.push_back(std::move(full));
  }
  changed_.notify_one();
}

void LogFile::loop() {
  std::ofstream out;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !lines_.empty(); });
    if (lines_.empty()) return;
    std::deque<std::string> ready;
    ready.swap(lines_);
    lock.unlock();
    if (!out.is_open() && fabula::create_directories(file_.parent_path())) {
      std::error_code ignored;
      if (std::filesystem::file_size(file_, ignored) > max_bytes && !ignored) std::filesystem::rename(file_, file_.string() + ".old", ignored);
      out.open(file_, std::ios::app);
    }
    for (const auto& line : ready) out << line;
    out.flush();
    lock.lock();
  }
}

}  // namespace fabula::gui
