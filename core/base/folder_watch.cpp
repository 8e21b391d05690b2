#include "core/base/folder_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <set>

#include "core/base/file.h"

namespace fabula {

namespace {

constexpr uint32_t interesting = IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR;

class InotifyWatch final : public FolderWatch {
 public:
  InotifyWatch(int inotify, int event) : inotify_(inotify), event_(event) {}
  ~InotifyWatch() override {
    ::close(inotify_);
    ::close(event_);
  }

  size_t watch(const std::vector<std::filesystem::path>& folders) override {
    const std::set<std::filesystem::path> wanted(folders.begin(), folders.end());
    std::erase_if(watched_, [&](const auto& entry) {
      if (wanted.contains(entry.first)) return false;
      inotify_rm_watch(inotify_, entry.second);
      return true;
    });
    size_t failed = 0;
    for (const auto& folder : wanted) {  // adding a folder again finds one that was removed and made anew
      const int id = inotify_add_watch(inotify_, folder.c_str(), interesting);
      if (id >= 0) watched_[folder] = id;
      else ++failed;
    }
    return failed;
  }

  Woken wait(int timeout_milliseconds, int settle_milliseconds) override {
    Woken first = poll_once(timeout_milliseconds);
    if (first != Woken::changed) return first;
    for (int i = 0; i < 10; ++i)
      if (const Woken next = poll_once(settle_milliseconds); next != Woken::changed)
        return next == Woken::asked ? Woken::asked : Woken::changed;
    return Woken::changed;
  }

  void wake() override {
    const uint64_t one = 1;
    (void)!::write(event_, &one, sizeof one);
  }

 private:
  Woken poll_once(int timeout) {
    pollfd waiting[2] = {{inotify_, POLLIN, 0}, {event_, POLLIN, 0}};
    int ready = 0;
    do ready = ::poll(waiting, 2, timeout);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0) return Woken::timeout;
    uint64_t count = 0;
    if (waiting[1].revents) return (void)!::read(event_, &count, sizeof count), Woken::asked;
    char buffer[16384];
    while (::read(inotify_, buffer, sizeof buffer) > 0) {
    }
    return Woken::changed;
  }

  const int inotify_, event_;
  std::map<std::filesystem::path, int> watched_;
};

}  // namespace

Result<std::unique_ptr<FolderWatch>> FolderWatch::make() {
  const int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify < 0) return io_error("watch folders with", "inotify", errno);
  const int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (event < 0) {
    ::close(inotify);
    return io_error("make", "an eventfd", errno);
  }
  return std::unique_ptr<FolderWatch>(std::make_unique<InotifyWatch>(inotify, event));
}

}  // namespace fabula
