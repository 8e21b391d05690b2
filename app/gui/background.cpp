#include "app/gui/background.h"

#include <utility>

namespace fabula::gui {

Background::Background(std::function<void()> wake) : wake_(std::move(wake)), thread_([this] { loop(); }) {}

Background::~Background() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Background::run(std::function<void()> job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
}

void Background::post(std::function<void()> closure) {
  {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(closure));
  }
  if (wake_) wake_();
}

bool Background::drain() {
  std::vector<std::function<void()>> ready;
  {
    std::lock_guard lock(mutex_);
    ready.swap(posted_);
  }
  for (auto& closure : ready) closure();
  return !ready.empty();
}

void Background::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it holds is released outside the lock
    lock.lock();
  }
}

}  // namespace fabula::gui
