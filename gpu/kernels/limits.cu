// What the device can do at best, measured in the same run as the work: reading memory, and tensor-core products from registers.
#include "gpu/device/intrinsics.h"
#include "gpu/device/launch.h"
#include "gpu/kernels/kernels.h"

namespace fabula::gpu {

namespace {

constexpr unsigned limit_threads = 256;
constexpr int unroll = 8;          // loads of 16 bytes in flight a thread: 32 KB a block of 256
constexpr int register_rounds = 512, register_sums = 8;  // eight independent chains hide the latency of one product

FABULA_KERNEL void read_kernel(const uint8_t* from, int64_t units, uint32_t* sink) {
  const int64_t first = static_cast<int64_t>(block_x()) * limit_threads * unroll + thread_index();
  U4 v[unroll];
  FABULA_UNROLL
  for (int i = 0; i < unroll; ++i) {
    const int64_t at = first + static_cast<int64_t>(i) * limit_threads;
    v[i] = at < units ? load_stream16(from + at * 16) : U4{0, 0, 0, 0};
  }
  uint32_t sum = 0;
  FABULA_UNROLL
  for (int i = 0; i < unroll; ++i) sum ^= v[i].x + 3 * v[i].y + 5 * v[i].z + 7 * v[i].w;
  if (sum == 0x9e3779b9u) *sink = sum;  // may happen; matters to nobody
}

template <bool Int8>
FABULA_KERNEL void product_kernel(float* sink) {
  const uint32_t seed = thread_index() * 0x01010101u;
  float floats[register_sums][4] = {};
  int ints[register_sums][4] = {};
  const uint32_t a[4] = {seed, seed + 1, seed + 2, seed + 3}, b[2] = {seed, seed + 5};
  for (int round = 0; round < register_rounds; ++round) {
    FABULA_UNROLL
    for (int i = 0; i < register_sums; ++i) {
      if constexpr (Int8) mma_s8(ints[i], a, b);
      else mma_bf16(floats[i], a, b);
    }
  }
  float sum = 0;
  for (int i = 0; i < register_sums; ++i) sum += floats[i][0] + static_cast<float>(ints[i][0]);
  if (sum == 1.5f) *sink = sum;
}

}  // namespace

void read_all(Device& device, const uint8_t* from, int64_t bytes, uint32_t* sink) {
  constexpr int64_t each = static_cast<int64_t>(limit_threads) * unroll;
  const int64_t units = bytes / 16;
  launch(device, {.x = static_cast<unsigned>((units + each - 1) / each), .threads = limit_threads}, read_kernel, from, units, sink);
}

double multiply_in_registers(Device& device, bool int8, float* sink) {
  const auto blocks = static_cast<unsigned>(device.info().multiprocessors) * 4;
  launch(device, {.x = blocks, .threads = limit_threads}, int8 ? &product_kernel<true> : &product_kernel<false>, sink);
  const double each = 2.0 * 16 * 8 * (int8 ? 32 : 16);
  return each * register_rounds * register_sums * (limit_threads / 32) * blocks;
}

}  // namespace fabula::gpu
