// What kernels may use of the device, in two implementations: CUDA's own, and an emulated block of threads on the CPU
// (tests/gpu/emulator), so that every kernel is held against plain loops on machines without a GPU. Kernels use nothing else.
// Non-goal: a portable kernel language. Only what the kernels need stands here.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace fabula::gpu {

struct alignas(16) U4 {
  uint32_t x, y, z, w;
};
struct alignas(8) U2 {
  uint32_t x, y;
};

inline constexpr unsigned warp_size = 32;

}  // namespace fabula::gpu

#ifdef __CUDACC__
#include "gpu/device/intrinsics_cuda.h"
#else
#include "gpu/device/intrinsics_emulated.h"
#endif

namespace fabula::gpu {

FABULA_DEVICE inline unsigned lane_index() { return thread_index() % warp_size; }
FABULA_DEVICE inline unsigned warp_index() { return thread_index() / warp_size; }
FABULA_DEVICE inline unsigned warp_count() { return block_threads() / warp_size; }

// Loads at an address that its type's alignment allows.
template <class T>
FABULA_DEVICE inline T load(const void* from) {
  return *static_cast<const T*>(from);
}

FABULA_DEVICE inline float bf16_to_float(uint32_t bits) { return bits_to_float(bits << 16); }
FABULA_DEVICE inline uint16_t float_to_bf16(float value) {  // nearest even; NaN stays NaN
  const uint32_t bits = float_to_bits(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 64);
  return static_cast<uint16_t>((bits + (0x7fffu + (bits >> 16 & 1))) >> 16);
}

// tf32 keeps 10 of 23 mantissa bits; ties away from zero, as cvt.rna. Infinities and NaN pass.
FABULA_DEVICE inline uint32_t float_to_tf32(float value) {
  const uint32_t bits = float_to_bits(value);
  return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & 0xffffe000u;
}

// The same tree for every row: results do not depend on how many rows a launch has.
FABULA_DEVICE inline float warp_sum(float value) {
  for (unsigned step = 16; step > 0; step /= 2) value += shuffle_xor(value, step);
  return value;
}
FABULA_DEVICE inline float warp_max(float value) {
  for (unsigned step = 16; step > 0; step /= 2) {
    const float other = shuffle_xor(value, step);
    value = value > other ? value : other;
  }
  return value;
}
FABULA_DEVICE inline int warp_sum(int value) {
  for (unsigned step = 16; step > 0; step /= 2) value += shuffle_xor(value, step);
  return value;
}

// Sum over the block; `scratch`: warp_count() floats of shared memory. All threads take part and get the sum.
FABULA_DEVICE inline float block_sum(float value, float* scratch) {
  value = warp_sum(value);
  sync_block();
  if (lane_index() == 0) scratch[warp_index()] = value;
  sync_block();
  float total = 0;
  for (unsigned w = 0; w < warp_count(); ++w) total += scratch[w];
  return total;
}

}  // namespace fabula::gpu
