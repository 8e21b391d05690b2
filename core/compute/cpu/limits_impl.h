// What the machine can do at most, measured with the same vectors as the kernels: reading, float and int8 arithmetic.
#pragma once

#include "core/compute/cpu/kernels.h"

namespace {

using namespace fabula::compute::cpu;

// Reads n bytes (a multiple of 4096) once; returns something of them, so that the compiler keeps the loads.
int64_t read_all(const uint8_t* p, int64_t n) {
  I a = zero_int(), b = zero_int(), c = zero_int(), d = zero_int();
  const X ones = load_x(reinterpret_cast<const int32_t*>("\1\1\1\1"));
  for (const uint8_t* end = p + n; p < end; p += 256) {
    for (int i = 0; i < 4; ++i) prefetch(p + 64 * i + 3072);
    a = dot_small(a, load_u8(p), ones);
    b = dot_small(b, load_u8(p + 64), ones);
    c = dot_small(c, load_u8(p + 128), ones);
    d = dot_small(d, load_u8(p + 192), ones);
  }
  return int64_t{reduce_add_int(a)} + reduce_add_int(b) + reduce_add_int(c) + reduce_add_int(d);
}

// n times peak_chains vector FMAs of 16 lanes.
float peak_fma(int64_t n) {
  F acc[peak_chains];
  const F x = set1(0.999f), y = set1(0.001f);
  for (F& a : acc) a = y;
  for (int64_t i = 0; i < n; ++i)
#pragma GCC unroll 16
    for (int c = 0; c < peak_chains; ++c) acc[c] = fma(acc[c], x, y);
  for (int c = 1; c < peak_chains; ++c) acc[0] = add(acc[0], acc[c]);
  return reduce_add(acc[0]);
}

// n times peak_chains integer dots of 16 lanes x 4. Unrolled throughout, as an array that is indexed by a variable stays in memory; the
// chains begin with different sums, or the compiler would make one of them.
int64_t peak_dot(int64_t n) {
  I acc[peak_chains];
  const int32_t words[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  const X x = load_x(words);
  uint8_t bytes[64];
  for (int i = 0; i < 64; ++i) bytes[i] = static_cast<uint8_t>(i);
  U w = load_u8(bytes);
#pragma GCC unroll 16
  for (int c = 0; c < peak_chains; ++c) acc[c] = dot_small(zero_int(), w, load_x(words + c));
  for (int64_t i = 0; i < n; ++i)
#pragma GCC unroll 16
    for (int c = 0; c < peak_chains; ++c) {
      if constexpr (!offset_in_sum) forget(w);  // else a multiplication that is an instruction of its own would be hoisted
      acc[c] = dot_small(acc[c], w, x);
    }
  int64_t sum = 0;
#pragma GCC unroll 16
  for (int c = 0; c < peak_chains; ++c) sum += reduce_add_int(acc[c]);
  return sum;
}

}  // namespace
