#include "tests/gpu/emulator/device.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "gpu/device/runtime.h"

namespace fabula::gpu {

emulated::Settings& emulated::settings() {
  static Settings only;
  return only;
}

namespace {
struct Closures final : Recording {
  std::vector<std::function<void()>> list;
};
}  // namespace

struct Device::Impl {
  DeviceInfo info;
  uint64_t used = 0;
  std::unique_ptr<Closures> recording;
  std::vector<uint64_t> marks;  // launches before each

  void run(std::function<void()> work) {
    if (recording) recording->list.push_back(std::move(work));
    else if (!emulated::settings().lost) work();
  }
};

Memory::~Memory() {
  if (device_ && data_) device_->release(data_, on_host_);
}

bool built_with_cuda() { return true; }

Result<std::vector<DeviceInfo>> list_devices() {
  if (!emulated::settings().driver) return Error{ErrorCode::no_device, "no NVIDIA driver was found"};
  DeviceInfo info;
  info.name = "emulated";
  info.major = 9;
  info.multiprocessors = 4;
  info.total_bytes = info.free_bytes = emulated::settings().memory_bytes;
  info.max_shared_bytes = 227 << 10;
  return std::vector<DeviceInfo>{info};
}

Device::Device(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Device::~Device() = default;

Result<std::unique_ptr<Device>> Device::open(int index) {
  FABULA_ASSIGN(const std::vector<DeviceInfo> devices, list_devices());
  if (index < 0 || index >= static_cast<int>(devices.size())) return Error{ErrorCode::no_device, "there is no GPU with that number"};
  auto impl = std::make_unique<Impl>();
  impl->info = devices[static_cast<size_t>(index)];
  return std::unique_ptr<Device>(new Device(std::move(impl)));
}

const DeviceInfo& Device::info() const { return impl_->info; }
uint64_t Device::free_bytes() const { return emulated::settings().memory_bytes - std::min(impl_->used, emulated::settings().memory_bytes); }

Result<Memory> Device::allocate(uint64_t bytes, const std::string& what) {
  if (bytes > free_bytes())
    return Error{ErrorCode::out_of_memory, what + " need " + std::to_string(bytes) + " bytes, " + std::to_string(free_bytes()) + " are free"};
  impl_->used += bytes;
  void* data = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(data, 0xff, bytes);  // not zero: what a kernel forgets to write shows
  return Memory(this, data, bytes, false);
}

Result<Memory> Device::allocate_on_host(uint64_t bytes, const std::string&) {
  return Memory(this, std::aligned_alloc(256, (bytes + 255) / 256 * 256), bytes, true);
}

void Device::release(void* data, bool) { std::free(data); }

void Device::upload(void* to, const void* from, size_t bytes) {
  impl_->run([=] { std::memcpy(to, from, bytes); });
}
void Device::download(void* to, const void* from, size_t bytes) {
  impl_->run([=] { std::memcpy(to, from, bytes); });
}
void Device::copy(void* to, const void* from, size_t bytes) {
  impl_->run([=] { std::memmove(to, from, bytes); });
}
void Device::fill(void* to, uint8_t byte, size_t bytes) {
  impl_->run([=] { std::memset(to, byte, bytes); });
}

Status Device::finish() {
  if (emulated::settings().lost) return Error{ErrorCode::device_lost, "the GPU was lost"};
  return {};
}
// The emulated device's clock counts launches, a microsecond each.
void Device::mark(int slot) {
  const auto index = static_cast<size_t>(slot);
  if (impl_->marks.size() <= index) impl_->marks.resize(index + 1);
  impl_->marks[index] = emulated::settings().launches;
}
void Device::wait(int) {}
double Device::seconds_between(int first_slot, int second_slot) {
  return 1e-6 * static_cast<double>(impl_->marks[static_cast<size_t>(second_slot)] - impl_->marks[static_cast<size_t>(first_slot)]);
}

void Device::begin_recording() { impl_->recording = std::make_unique<Closures>(); }
Result<std::unique_ptr<Recording>> Device::end_recording() { return std::unique_ptr<Recording>(std::move(impl_->recording)); }
void Device::replay(const Recording& recording) {
  ++emulated::settings().replays;
  for (const auto& work : static_cast<const Closures&>(recording).list) impl_->run(work);
}

void Device::launch_closure(const Grid& grid, std::function<void()> body) {
  impl_->run([=] {
    ++emulated::settings().launches;
    emulated::run_grid({grid.x, grid.y, grid.z}, grid.threads, grid.shared_bytes, emulated::settings().order, body);
  });
}

}  // namespace fabula::gpu
