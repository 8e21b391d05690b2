// The automation socket (CONTRACT "Automation"): tests read where things are and what is shown; input is given by real
// events of the window system. Off unless FABULA_AUTOMATION names a path.
//
// Thread: a thread of its own answers from an immutable snapshot of the last drawn frame; the UI thread only swaps a pointer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/result.h"

namespace fabula::gui {

struct WidgetRecord {
  std::string id, label;
  float x = 0, y = 0, width = 0, height = 0;  // framebuffer pixels from the window's top left
  bool enabled = true, focused = false;
};

struct FrameRecord {
  std::vector<WidgetRecord> widgets;
  std::string mode, session, model;
  int64_t messages = 0;
  bool generating = false;
  std::vector<std::string> toasts;
  uint64_t frames = 0;
  double first_frame_ms = 0, slowest_frame_ms = 0, frame_p99_ms = 0;
  double opened_ms = 0;  // from choosing the session that is shown to the end of its first frame
  std::vector<std::string> blocking;  // calls on the UI thread that took too long, by name
  std::string text;                   // of the last message shown
  std::string draft;                  // what stands in the composer
};

class Automation {
 public:
  // Makes the socket (mode 0600; a stale one of a dead process is replaced). Errors: io.
  static Result<std::unique_ptr<Automation>> listen(const std::string& path);
  ~Automation();
  void publish(std::shared_ptr<const FrameRecord> record);

 private:
  Automation() = default;
  void loop();
  std::string answer(const std::string& line) const;
  std::shared_ptr<const FrameRecord> last() const;

  std::string path_;
  int listener_ = -1;
  int stop_pipe_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::shared_ptr<const FrameRecord> record_;  // guarded by mutex_
  std::thread thread_;
};

// The answer to one request line; separate from the socket so that tests can call it.
std::string automation_answer(const std::string& line, const FrameRecord& record);

}  // namespace fabula::gui
