// Work that must not hold up a frame: one thread runs jobs in order; what they have to say to the window comes back as
// closures that the UI thread runs at the start of a frame.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace fabula::gui {

class Background {
 public:
  // wake: any thread, after a closure was posted (glfwPostEmptyEvent).
  explicit Background(std::function<void()> wake);
  ~Background();  // runs the jobs that are queued, then joins

  void run(std::function<void()> job);         // UI thread -> worker
  void post(std::function<void()> closure);    // worker -> UI thread
  bool drain();                                // UI thread: runs posted closures outside the lock; false: there were none

 private:
  void loop();
  std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;      // guarded by mutex_
  std::vector<std::function<void()>> posted_;   // guarded by mutex_
  bool stop_ = false;                           // guarded by mutex_
  std::thread thread_;
};

}  // namespace fabula::gui
