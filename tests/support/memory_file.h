// Bytes as a file that no disk holds: for readers that take a path, thousands of times a second.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fabula::test {

class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes)
      : MemoryFile(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) {}
  MemoryFile(const uint8_t* data, size_t size) : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    for (size_t at = 0; at < size;) {
      const ssize_t n = ::write(descriptor_, data + at, size - at);
      if (n <= 0) break;
      at += static_cast<size_t>(n);
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void cut(size_t size) {
    [[maybe_unused]] const int result = ::ftruncate(descriptor_, static_cast<off_t>(size));
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace fabula::test
