// Where core/ and gpu/ say what a person may want to read later. They never print; the app decides where lines go.
#pragma once

#include <string_view>

namespace fabula {

enum class LogLevel { debug, info, warning, error };

// Thread: write() may be called from any thread, and must not block on disk or on a lock that inference holds.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void write(LogLevel level, std::string_view line) = 0;
};

class NullLogSink final : public LogSink {
 public:
  void write(LogLevel, std::string_view) override {}
};

}  // namespace fabula
