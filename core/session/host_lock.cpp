#include "core/session/host_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "core/base/blocking.h"
#include "core/base/file.h"

namespace fabula::session {

namespace {

std::string own_name() {
  const auto name = read_file("/proc/self/comm", 64);
  std::string text = name.ok() ? *name : "fabula";
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string holder_of(int descriptor) {
  std::array<char, 128> buffer{};
  const ssize_t size = ::pread(descriptor, buffer.data(), buffer.size(), 0);
  return size > 0 ? std::string(buffer.data(), static_cast<size_t>(size)) : "another process";
}

}  // namespace

Result<HostLock> HostLock::acquire(const std::filesystem::path& folder) {
  FABULA_TRY(fabula::create_directories(folder));
  const std::filesystem::path path = folder / "fabula.lock";
  HostLock lock(Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
  if (!lock.file_) return io_error("opening", path, errno);
  may_block("lock", "the data folder's");
  if (::flock(lock.file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return io_error("locking", path, errno);
    return Error{ErrorCode::busy, "the sessions in " + folder.string() + " are in use by " +
                                      holder_of(lock.file_.get()) +
                                      ". Close it first, or use another data directory."};
  }
  // Only for the message above: that the note cannot be written (a full disk) is no reason to refuse.
  const std::string note = own_name() + " (process " + std::to_string(::getpid()) + ")";
  if (::ftruncate(lock.file_.get(), 0) == 0) (void)!::pwrite(lock.file_.get(), note.data(), note.size(), 0);
  return lock;
}

}  // namespace fabula::session
