// The device through the CUDA runtime, linked statically: it opens the driver's library itself, so the program starts without one.
#include <cuda_runtime.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "gpu/device/runtime.h"

namespace fabula::gpu {

namespace {

constexpr int oldest_major = 8;  // kernels are compiled for compute capability 8.0 and later

std::string version_text(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

std::string bytes_text(uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

Error error_of(cudaError_t code, const std::string& what) {
  const std::string words = std::string(cudaGetErrorString(code)) + " (" + cudaGetErrorName(code) + ")";
  switch (code) {
    case cudaErrorMemoryAllocation: return {ErrorCode::out_of_memory, what + ": the GPU has no memory left"};
    case cudaErrorNoDevice: return {ErrorCode::no_device, "no NVIDIA GPU was found"};
    case cudaErrorInsufficientDriver: {
      int driver = 0, runtime = 0;
      cudaDriverGetVersion(&driver);
      cudaRuntimeGetVersion(&runtime);
      if (driver == 0) return {ErrorCode::no_device, "no NVIDIA driver was found"};
      return {ErrorCode::no_device, "the NVIDIA driver is too old: it runs CUDA " + version_text(driver) + ", Fabula needs " + version_text(runtime)};
    }
    default: return {ErrorCode::device_lost, what + ": the GPU stopped working: " + words + ". The model must be loaded again, there or on the CPU"};
  }
}

Result<DeviceInfo> describe(int index) {
  cudaDeviceProp properties{};
  if (const cudaError_t code = cudaGetDeviceProperties(&properties, index); code != cudaSuccess) return error_of(code, "Asking for the GPU's properties");
  DeviceInfo info;
  info.index = index;
  info.name = properties.name;
  info.major = properties.major;
  info.minor = properties.minor;
  info.multiprocessors = properties.multiProcessorCount;
  info.total_bytes = properties.totalGlobalMem;
  info.max_shared_bytes = properties.sharedMemPerBlockOptin;
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess) info.driver = version_text(driver);
  size_t free_bytes = 0, total_bytes = 0;
  int before = 0;
  cudaGetDevice(&before);
  if (cudaSetDevice(index) == cudaSuccess && cudaMemGetInfo(&free_bytes, &total_bytes) == cudaSuccess) info.free_bytes = free_bytes;
  cudaSetDevice(before);
  return info;
}

class Graph final : public Recording {
 public:
  explicit Graph(cudaGraphExec_t exec) : exec_(exec) {}
  ~Graph() override { cudaGraphExecDestroy(exec_); }
  cudaGraphExec_t exec() const { return exec_; }

 private:
  cudaGraphExec_t exec_;
};

}  // namespace

bool built_with_cuda() { return true; }

Result<std::vector<DeviceInfo>> list_devices() {
  int count = 0;
  if (const cudaError_t code = cudaGetDeviceCount(&count); code != cudaSuccess) return error_of(code, "Looking for GPUs");
  std::vector<DeviceInfo> devices;
  for (int i = 0; i < count; ++i) {
    FABULA_ASSIGN(DeviceInfo info, describe(i));
    devices.push_back(std::move(info));
  }
  if (devices.empty()) return error_of(cudaErrorNoDevice, "");
  return devices;
}

struct Device::Impl {
  DeviceInfo info;
  cudaStream_t stream = nullptr;
  std::vector<cudaEvent_t> events;
  cudaError_t failure = cudaSuccess;
  const char* failed_at = "";

  void keep(cudaError_t code, const char* where) {
    if (failure != cudaSuccess || code == cudaSuccess) return;
    failure = code;
    failed_at = where;
  }
  void select() { keep(cudaSetDevice(info.index), "Choosing the GPU"); }
};

Memory::~Memory() {
  if (device_ && data_) device_->release(data_, on_host_);
}

Device::Device(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Device::~Device() {
  cudaSetDevice(impl_->info.index);
  for (cudaEvent_t event : impl_->events) cudaEventDestroy(event);
  if (impl_->stream) cudaStreamDestroy(impl_->stream);
}

Result<std::unique_ptr<Device>> Device::open(int index) {
  FABULA_ASSIGN(const std::vector<DeviceInfo> devices, list_devices());
  if (index < 0 || index >= static_cast<int>(devices.size()))
    return Error{ErrorCode::no_device, "there is no GPU cuda:" + std::to_string(index) + "; this machine has " + std::to_string(devices.size())};
  auto impl = std::make_unique<Impl>();
  impl->info = devices[static_cast<size_t>(index)];
  if (impl->info.major < oldest_major)
    return Error{ErrorCode::no_device, "the " + impl->info.name + " is too old: Fabula's kernels need compute capability 8.0, it has " +
                                             std::to_string(impl->info.major) + "." + std::to_string(impl->info.minor)};
  auto device = std::unique_ptr<Device>(new Device(std::move(impl)));
  Impl& self = *device->impl_;
  self.select();
  self.keep(cudaStreamCreateWithFlags(&self.stream, cudaStreamNonBlocking), "Creating a stream");
  if (self.failure != cudaSuccess) return error_of(self.failure, self.failed_at);
  return Result<std::unique_ptr<Device>>(std::move(device));
}

const DeviceInfo& Device::info() const { return impl_->info; }

uint64_t Device::free_bytes() const {
  impl_->select();
  size_t free_bytes = 0, total_bytes = 0;
  return cudaMemGetInfo(&free_bytes, &total_bytes) == cudaSuccess ? free_bytes : 0;
}

Result<Memory> Device::allocate(uint64_t bytes, const std::string& what) {
  impl_->select();
  void* data = nullptr;
  const cudaError_t code = cudaMalloc(&data, bytes);
  if (code == cudaSuccess) return Memory(this, data, bytes, false);
  cudaGetLastError();  // an allocation that failed leaves the device as it was
  if (code != cudaErrorMemoryAllocation) return error_of(code, what);
  return Error{ErrorCode::out_of_memory, what + " need " + bytes_text(bytes) + " of GPU memory; " + bytes_text(free_bytes()) + " of " +
                                             bytes_text(impl_->info.total_bytes) + " are free"};
}

Result<Memory> Device::allocate_on_host(uint64_t bytes, const std::string& what) {
  impl_->select();
  void* data = nullptr;
  const cudaError_t code = cudaMallocHost(&data, bytes);
  if (code == cudaSuccess) return Memory(this, data, bytes, true);
  cudaGetLastError();
  if (code != cudaErrorMemoryAllocation) return error_of(code, what);
  return Error{ErrorCode::out_of_memory, what + " need " + bytes_text(bytes) + " of pinned memory, which the system refuses"};
}

void Device::release(void* data, bool on_host) {
  impl_->select();
  if (on_host) cudaFreeHost(data);
  else cudaFree(data);
}

void Device::upload(void* to, const void* from, size_t bytes) {
  impl_->select();
  impl_->keep(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, impl_->stream), "Copying to the GPU");
}
void Device::download(void* to, const void* from, size_t bytes) {
  impl_->select();
  impl_->keep(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, impl_->stream), "Copying from the GPU");
}
void Device::copy(void* to, const void* from, size_t bytes) {
  impl_->select();
  impl_->keep(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, impl_->stream), "Copying on the GPU");
}
void Device::fill(void* to, uint8_t byte, size_t bytes) {
  impl_->select();
  impl_->keep(cudaMemsetAsync(to, byte, bytes, impl_->stream), "Clearing GPU memory");
}

Status Device::finish() {
  impl_->select();
  impl_->keep(cudaStreamSynchronize(impl_->stream), "Waiting for the GPU");
  if (impl_->failure == cudaSuccess) return {};
  Error error = error_of(impl_->failure, impl_->failed_at);
  if (error.code != ErrorCode::device_lost) impl_->failure = cudaSuccess;
  return error;
}

void Device::mark(int slot) {
  impl_->select();
  const auto index = static_cast<size_t>(slot);
  while (impl_->events.size() <= index) {
    cudaEvent_t event = nullptr;
    impl_->keep(cudaEventCreate(&event), "Creating an event");
    if (!event) return;
    impl_->events.push_back(event);
  }
  impl_->keep(cudaEventRecord(impl_->events[index], impl_->stream), "Marking the stream");
}

void Device::wait(int slot) {
  const auto index = static_cast<size_t>(slot);
  if (index < impl_->events.size()) impl_->keep(cudaEventSynchronize(impl_->events[index]), "Waiting for the GPU");
}

double Device::seconds_between(int first_slot, int second_slot) {
  float milliseconds = 0;
  const auto first = static_cast<size_t>(first_slot), second = static_cast<size_t>(second_slot);
  if (impl_->failure != cudaSuccess || std::max(first, second) >= impl_->events.size()) return 0;
  impl_->keep(cudaEventElapsedTime(&milliseconds, impl_->events[first], impl_->events[second]), "Timing the GPU");
  return static_cast<double>(milliseconds) / 1e3;
}

void Device::begin_recording() {
  impl_->select();
  impl_->keep(cudaStreamBeginCapture(impl_->stream, cudaStreamCaptureModeThreadLocal), "Recording a step");
}

Result<std::unique_ptr<Recording>> Device::end_recording() {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  impl_->keep(cudaStreamEndCapture(impl_->stream, &graph), "Recording a step");
  if (impl_->failure == cudaSuccess) impl_->keep(cudaGraphInstantiate(&exec, graph, 0), "Recording a step");
  if (graph) cudaGraphDestroy(graph);
  if (impl_->failure != cudaSuccess) return error_of(impl_->failure, impl_->failed_at);
  return std::unique_ptr<Recording>(std::make_unique<Graph>(exec));
}

void Device::replay(const Recording& recording) {
  impl_->select();
  impl_->keep(cudaGraphLaunch(static_cast<const Graph&>(recording).exec(), impl_->stream), "Starting a step");
}

void Device::launch_function(const void* kernel, const Grid& grid, void** arguments) {
  if (impl_->failure != cudaSuccess) return;
  impl_->select();
  constexpr size_t without_asking = 48 << 10;
  if (grid.shared_bytes > without_asking)
    impl_->keep(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(grid.shared_bytes)), "Preparing a kernel");
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(grid.x, grid.y, grid.z);
  config.blockDim = dim3(grid.threads);
  config.dynamicSmemBytes = grid.shared_bytes;
  config.stream = impl_->stream;
  impl_->keep(cudaLaunchKernelExC(&config, kernel, arguments), "Starting a kernel");
}

}  // namespace fabula::gpu
