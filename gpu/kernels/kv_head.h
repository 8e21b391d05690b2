// One head of one KV block, read eight values at a time as the attention's fragments want them.
#pragma once

#include "gpu/device/intrinsics.h"
#include "gpu/kernels/kernels.h"

namespace fabula::gpu {

FABULA_DEVICE inline uint8_t* kv_head(const KvPool& kv, int block, int layer, int head) {
  return kv.data + block * kv.block_bytes + (static_cast<int64_t>(layer) * kv.heads + head) * kv.head_bytes;
}

template <KvType Type>
struct KvReader;

template <>
struct KvReader<KvType::f32> {
  static constexpr bool exact = true;  // wants products of 21 bits
  FABULA_DEVICE static void read8(const uint8_t* plane, int row, int columns, int column, float (&out)[8]) {
    const float* from = reinterpret_cast<const float*>(plane) + static_cast<int64_t>(row) * columns + column;
    const U4 a = load<U4>(from), b = load<U4>(from + 4);
    const uint32_t bits[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
    FABULA_UNROLL
    for (int i = 0; i < 8; ++i) out[i] = bits_to_float(bits[i]);
  }
  FABULA_DEVICE static void k8(const uint8_t* k, int padded, int position, int dim, float (&out)[8]) { read8(k, position, padded, dim, out); }
  FABULA_DEVICE static void v8(const uint8_t* v, int, int dim, int position, float (&out)[8]) { read8(v, dim, kv_tile, position, out); }
};

template <>
struct KvReader<KvType::f16> {
  static constexpr bool exact = false;
  FABULA_DEVICE static void read8(const uint8_t* plane, int row, int columns, int column, float (&out)[8]) {
    const U4 v = load<U4>(reinterpret_cast<const uint16_t*>(plane) + static_cast<int64_t>(row) * columns + column);
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
    FABULA_UNROLL
    for (int i = 0; i < 4; ++i) {
      out[2 * i] = f16_to_float(words[i] & 0xffffu);
      out[2 * i + 1] = f16_to_float(words[i] >> 16);
    }
  }
  FABULA_DEVICE static void k8(const uint8_t* k, int padded, int position, int dim, float (&out)[8]) { read8(k, position, padded, dim, out); }
  FABULA_DEVICE static void v8(const uint8_t* v, int, int dim, int position, float (&out)[8]) { read8(v, dim, kv_tile, position, out); }
};

template <>
struct KvReader<KvType::q8_0> {
  static constexpr bool exact = false;
  FABULA_DEVICE static void codes8(const uint8_t* from, float (&out)[8]) {
    const U2 v = load<U2>(from);
    FABULA_UNROLL
    for (int i = 0; i < 8; ++i) out[i] = static_cast<float>(static_cast<int8_t>((i < 4 ? v.x : v.y) >> 8 * (i % 4)));
  }
  FABULA_DEVICE static void k8(const uint8_t* k, int padded, int position, int dim, float (&out)[8]) {
    codes8(k + position * padded + dim, out);
    const auto* scales = reinterpret_cast<const uint16_t*>(k + kv_tile * padded);
    const float scale = f16_to_float(scales[position * (padded / 32) + dim / 32]);
    FABULA_UNROLL
    for (int i = 0; i < 8; ++i) out[i] *= scale;
  }
  FABULA_DEVICE static void v8(const uint8_t* v, int padded, int dim, int position, float (&out)[8]) {
    codes8(v + dim * kv_tile + position, out);
    const auto* scales = reinterpret_cast<const uint16_t*>(v + kv_tile * padded) + dim / 32 * kv_tile + position;
    FABULA_UNROLL
    for (int i = 0; i < 8; ++i) out[i] *= f16_to_float(scales[i]);
  }
};

}  // namespace fabula::gpu
