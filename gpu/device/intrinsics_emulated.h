// The intrinsics on the CPU: a block's threads are fibers that run from barrier to barrier (tests/gpu/emulator/block.cpp).
// Warp-wide operations exchange their operands through the warp's slots.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>

#include "core/base/numeric.h"

#define FABULA_DEVICE
#define FABULA_KERNEL inline
#define FABULA_LAUNCH_BOUNDS(...)
#define FABULA_UNROLL

namespace fabula::gpu {

namespace emulated {

struct Place {
  unsigned thread = 0, threads = 0;
  unsigned block[3] = {}, grid[3] = {};
  std::byte* shared = nullptr;
};
const Place& here();  // of the running fiber
void wait_block();
// What one lane gives to the others.
struct Slot {
  std::byte bytes[32];
};
// Waits until all 32 lanes of the warp have given theirs; the slots stay readable until the lane's next exchange.
const Slot* exchange(const void* bytes, size_t size);

template <class T>
T taken(const Slot& slot, size_t index) {
  T value;
  std::memcpy(&value, slot.bytes + index * sizeof(T), sizeof(T));
  return value;
}

struct Operands {
  uint32_t a[4], b[2];
};
static_assert(sizeof(Operands) <= sizeof(Slot));

// Lane (4 g + t) holds of A rows g and g + 8 and of B column g the k that t names, `Elements` to a register; of D rows g, g + 8 and
// columns 2t, 2t + 1. A's registers: (g, low k), (g + 8, low), (g, high), (g + 8, high). B's: low k, high k.
template <int Elements, class Sum, class D, class Value>
void multiply_tile(D (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const Value& value) {
  Operands own;
  std::memcpy(own.a, a, sizeof own.a);
  std::memcpy(own.b, b, sizeof own.b);
  const Slot* slots = exchange(&own, sizeof own);
  const unsigned g = here().thread % 32 / 4, t = here().thread % 4;
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = g, upper = i / 2, column = 2 * t + i % 2;
    Sum sum = static_cast<Sum>(d[i]);
    for (unsigned lane = 0; lane < 4; ++lane)
      for (unsigned half = 0; half < 2; ++half) {
        const auto left = taken<uint32_t>(slots[4 * row + lane], upper + 2 * half);
        const auto right = taken<uint32_t>(slots[4 * column + lane], 4 + half);
        for (int e = 0; e < Elements; ++e) sum += static_cast<Sum>(value(left, e)) * static_cast<Sum>(value(right, e));
      }
    d[i] = static_cast<D>(sum);
  }
}

}  // namespace emulated

inline unsigned thread_index() { return emulated::here().thread; }
inline unsigned block_threads() { return emulated::here().threads; }
inline unsigned block_x() { return emulated::here().block[0]; }
inline unsigned block_y() { return emulated::here().block[1]; }
inline unsigned block_z() { return emulated::here().block[2]; }
inline unsigned grid_z() { return emulated::here().grid[2]; }

inline void sync_block() { emulated::wait_block(); }
inline void sync_warp() { emulated::exchange(nullptr, 0); }
template <class T>
T shuffle_xor(T value, unsigned mask) {
  const emulated::Slot* slots = emulated::exchange(&value, sizeof value);
  return emulated::taken<T>(slots[emulated::here().thread % 32 ^ mask], 0);
}

inline std::byte* shared_memory() { return emulated::here().shared; }
inline U4 load_stream16(const void* from) { return *static_cast<const U4*>(from); }

inline uint32_t float_to_bits(float value) { return std::bit_cast<uint32_t>(value); }
inline float bits_to_float(uint32_t bits) { return std::bit_cast<float>(bits); }
inline float f16_to_float(uint32_t bits) { return fabula::f16_to_f32(static_cast<uint16_t>(bits)); }
inline uint16_t float_to_f16(float value) { return fabula::f32_to_f16(value); }

inline float fused(float a, float b, float c) { return std::fma(a, b, c); }
inline float exponential(float x) { return std::exp(x); }
inline float hyperbolic_tangent(float x) { return std::tanh(x); }
inline float error_function(float x) { return std::erf(x); }
inline float square_root(float x) { return std::sqrt(x); }
inline float absolute(float x) { return std::fabs(x); }
inline float round_even(float x) { return std::nearbyint(x); }

inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulated::multiply_tile<2, double>(d, a, b, [](uint32_t word, int e) { return bits_to_float(e == 0 ? word << 16 : word & 0xffff0000u); });
}
inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulated::multiply_tile<1, double>(d, a, b, [](uint32_t word, int) { return bits_to_float(word & 0xffffe000u); });  // the rest is not read
}
inline void mma_s8(int (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulated::multiply_tile<4, int>(d, a, b, [](uint32_t word, int e) { return static_cast<int>(static_cast<int8_t>(word >> 8 * e)); });
}

}  // namespace fabula::gpu
