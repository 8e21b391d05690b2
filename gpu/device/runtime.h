// The host's side of a device: memory, one stream of copies and launches, captured steps. Implemented by the CUDA runtime
// (gpu/device/runtime.cu) and by the emulator of the tests; a program links one of them.
// Thread: one thread at a time. Errors of launches and copies are kept and returned by the next finish().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "gpu/devices.h"

namespace fabula::gpu {

struct Grid {
  unsigned x = 1, y = 1, z = 1;
  unsigned threads = 128;  // a multiple of 32
  size_t shared_bytes = 0;
};

class Device;

// Memory on the device, or pinned memory on the host. Freed with the object; the device must still be there.
class Memory {
 public:
  Memory() = default;
  Memory(Device* device, void* data, uint64_t bytes, bool on_host) : device_(device), data_(data), bytes_(bytes), on_host_(on_host) {}
  Memory(Memory&& other) noexcept { swap(other); }
  Memory& operator=(Memory&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Memory();
  uint8_t* data() const { return static_cast<uint8_t*>(data_); }
  uint64_t bytes() const { return bytes_; }

 private:
  void swap(Memory& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(on_host_, other.on_host_);
  }
  Device* device_ = nullptr;
  void* data_ = nullptr;
  uint64_t bytes_ = 0;
  bool on_host_ = false;
};

// A recorded run of copies and launches, with their arguments as they were.
class Recording {
 public:
  virtual ~Recording() = default;
};

class Device {
 public:
  // Errors: no_device (no such device; driver or device too old), device_lost.
  static Result<std::unique_ptr<Device>> open(int index);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceInfo& info() const;
  uint64_t free_bytes() const;

  // Errors: out_of_memory, naming `what`, the bytes asked for and those that are free.
  Result<Memory> allocate(uint64_t bytes, const std::string& what);
  Result<Memory> allocate_on_host(uint64_t bytes, const std::string& what);

  // In the order of the stream. Host memory from allocate_on_host is read or written later: only finish() ends that.
  void upload(void* to, const void* from, size_t bytes);
  void download(void* to, const void* from, size_t bytes);
  void copy(void* to, const void* from, size_t bytes);
  void fill(void* to, uint8_t byte, size_t bytes);

  // Waits for all of the above. Errors: what went wrong first since the last call; once the device is lost, always that.
  Status finish();
  // A mark in the stream, and waiting until the stream has passed the last mark of that slot. Slots are counted from 0; each costs a few
  // bytes from its first use on.
  void mark(int slot);
  void wait(int slot);

  void begin_recording();
  Result<std::unique_ptr<Recording>> end_recording();
  void replay(const Recording& recording);

  // Seconds that the work between two marks took on the device.
  double seconds_between(int first_slot, int second_slot);

  // For launch.h alone.
  void launch_function(const void* kernel, const Grid& grid, void** arguments);
  void launch_closure(const Grid& grid, std::function<void()> body);

 private:
  friend class Memory;
  struct Impl;
  explicit Device(std::unique_ptr<Impl> impl);
  void release(void* data, bool on_host);
  std::unique_ptr<Impl> impl_;
};

}  // namespace fabula::gpu
