// How a warp takes one chunk (16 rows x 64 columns) of a packed matrix and multiplies it with rows of activations on the tensor cores.
// The weights are the left operand (rows of the tile), tokens the columns of the right one: one token costs as much as eight, and a
// token's sums do not depend on its neighbours.
#pragma once

#include "gpu/device/intrinsics.h"
#include "gpu/kernels/types.h"

namespace fabula::gpu {

// Rows of activations that this lane reads: the right operand's column g of each token tile; and of the sums that it keeps, columns
// 2t and 2t + 1.
template <int TokenTiles>
struct TokenRows {
  int operand[TokenTiles];
  int sum[TokenTiles][2];
};

template <int RowTiles, int TokenTiles>
using Sums = float[RowTiles][TokenTiles][4];

FABULA_DEVICE inline const uint8_t* unit_of(const Matrix& m, int units, int tile, int chunk) {
  return m.codes + ((static_cast<int64_t>(tile) * m.chunks + chunk) * units * 32 + lane_index()) * 16;
}

struct WeightsBf16 {
  static constexpr int units = 4, many_token_tiles = 8;
  U4 unit[4];

  FABULA_DEVICE void take(const Matrix& m, int tile, int chunk) {
    const uint8_t* from = unit_of(m, units, tile, chunk);
    FABULA_UNROLL
    for (int i = 0; i < units; ++i) unit[i] = load_stream16(from + i * 512);
  }

  template <int R, int T>
  FABULA_DEVICE static void multiply(const WeightsBf16 (&w)[R], const Rows& x, const TokenRows<T>& rows, int chunk, Sums<R, T>& sums) {
    const int t = static_cast<int>(lane_index() % 4);
    FABULA_UNROLL
    for (int i = 0; i < T; ++i) {
      const uint16_t* from = x.bf16 + static_cast<int64_t>(rows.operand[i]) * x.stride + chunk * chunk_columns + t * 8;
      FABULA_UNROLL
      for (int part = 0; part < 2; ++part) {
        const U4 b = load<U4>(from + part * 32);
        FABULA_UNROLL
        for (int r = 0; r < R; ++r) {
          const U4 &low = w[r].unit[part * 2], &high = w[r].unit[part * 2 + 1];
          mma_bf16(sums[r][i], {low.x, high.x, low.y, high.y}, {b.x, b.y});
          mma_bf16(sums[r][i], {low.z, high.z, low.w, high.w}, {b.z, b.w});
        }
      }
    }
  }
};

// f16 weights are exact in tf32; activations keep 11 bits and the range of f32, where f16 would overflow.
struct WeightsF16 {
  static constexpr int units = 4, many_token_tiles = 8;
  U4 unit[4];

  FABULA_DEVICE void take(const Matrix& m, int tile, int chunk) {
    const uint8_t* from = unit_of(m, units, tile, chunk);
    FABULA_UNROLL
    for (int i = 0; i < units; ++i) unit[i] = load_stream16(from + i * 512);
  }

  FABULA_DEVICE static void step(float (&sum)[4], uint32_t low, uint32_t high, float b0, float b1) {
    const uint32_t a[4] = {float_to_bits(f16_to_float(low & 0xffffu)), float_to_bits(f16_to_float(high & 0xffffu)),
                           float_to_bits(f16_to_float(low >> 16)), float_to_bits(f16_to_float(high >> 16))};
    mma_tf32(sum, a, {float_to_tf32(b0), float_to_tf32(b1)});
  }

  template <int R, int T>
  FABULA_DEVICE static void multiply(const WeightsF16 (&w)[R], const Rows& x, const TokenRows<T>& rows, int chunk, Sums<R, T>& sums) {
    const int t = static_cast<int>(lane_index() % 4);
    FABULA_UNROLL
    for (int i = 0; i < T; ++i) {
      const float* from = x.values + static_cast<int64_t>(rows.operand[i]) * x.stride + chunk * chunk_columns + t * 8;
      FABULA_UNROLL
      for (int part = 0; part < 2; ++part) {
        const U4 first = load<U4>(from + part * 32), last = load<U4>(from + part * 32 + 4);
        FABULA_UNROLL
        for (int r = 0; r < R; ++r) {
          const U4 &low = w[r].unit[part * 2], &high = w[r].unit[part * 2 + 1];
          step(sums[r][i], low.x, high.x, bits_to_float(first.x), bits_to_float(first.y));
          step(sums[r][i], low.y, high.y, bits_to_float(first.z), bits_to_float(first.w));
          step(sums[r][i], low.z, high.z, bits_to_float(last.x), bits_to_float(last.y));
          step(sums[r][i], low.w, high.w, bits_to_float(last.z), bits_to_float(last.w));
        }
      }
    }
  }
};

// A float as the sum of two tf32: products keep 21 bits, near enough to f32 arithmetic (3 of the 4 partial products).
struct SplitFloat {
  uint32_t high, low;
};
FABULA_DEVICE inline SplitFloat split_float(float x) {
  const uint32_t high = float_to_tf32(x);
  return {high, float_to_tf32(x - bits_to_float(high))};
}

FABULA_DEVICE inline void mma_split(float (&sum)[4], const SplitFloat (&a)[4], const SplitFloat (&b)[2]) {
  const uint32_t ah[4] = {a[0].high, a[1].high, a[2].high, a[3].high}, al[4] = {a[0].low, a[1].low, a[2].low, a[3].low};
  const uint32_t bh[2] = {b[0].high, b[1].high}, bl[2] = {b[0].low, b[1].low};
  mma_tf32(sum, al, bh);
  mma_tf32(sum, ah, bl);
  mma_tf32(sum, ah, bh);
}

struct WeightsF32 {
  static constexpr int units = 8, many_token_tiles = 4;
  U4 unit[8];

  FABULA_DEVICE void take(const Matrix& m, int tile, int chunk) {
    const uint8_t* from = unit_of(m, units, tile, chunk);
    FABULA_UNROLL
    for (int i = 0; i < units; ++i) unit[i] = load_stream16(from + i * 512);
  }

  FABULA_DEVICE static void step(float (&sum)[4], uint32_t low0, uint32_t low1, uint32_t high0, uint32_t high1, uint32_t b0, uint32_t b1) {
    const SplitFloat a[4] = {split_float(bits_to_float(low0)), split_float(bits_to_float(high0)), split_float(bits_to_float(low1)),
                             split_float(bits_to_float(high1))};
    mma_split(sum, a, {split_float(bits_to_float(b0)), split_float(bits_to_float(b1))});
  }

  template <int R, int T>
  FABULA_DEVICE static void multiply(const WeightsF32 (&w)[R], const Rows& x, const TokenRows<T>& rows, int chunk, Sums<R, T>& sums) {
    const int t = static_cast<int>(lane_index() % 4);
    FABULA_UNROLL
    for (int i = 0; i < T; ++i) {
      const float* from = x.values + static_cast<int64_t>(rows.operand[i]) * x.stride + chunk * chunk_columns + t * 4;
      FABULA_UNROLL
      for (int part = 0; part < 4; ++part) {
        const U4 b = load<U4>(from + part * 16);
        FABULA_UNROLL
        for (int r = 0; r < R; ++r) {
          const U4 &low = w[r].unit[part * 2], &high = w[r].unit[part * 2 + 1];
          step(sums[r][i], low.x, low.y, high.x, high.y, b.x, b.y);
          step(sums[r][i], low.z, low.w, high.z, high.w, b.z, b.w);
        }
      }
    }
  }
};

// ---- Quantised: int8 products of whole blocks, exact, then scales in f32 in the order of columns, as on the CPU.

// Bytes of n-bit two's complement (the top bit flipped already) to int8.
FABULA_DEVICE inline uint32_t centred(uint32_t codes, uint32_t middle) {
  const uint32_t flipped = codes ^ middle, sign = flipped & middle;
  // The bits above `middle`: 0xf0 for 8, 0xe0 for 16, 0xc0 for 32, per byte; a product cannot carry into the next byte.
  return flipped | sign * (256u / (middle & 0xffu) - 2u);
}

template <WeightType Type>
struct WeightsQuantised {
  static constexpr PackedShape shape = packed_shape(Type);
  static constexpr int units = shape.units, many_token_tiles = 4;  // eight would spill
  static constexpr bool minima = Type == WeightType::q4_1 || Type == WeightType::q5_1 || Type == WeightType::q4_k || Type == WeightType::q5_k;
  static constexpr bool two_scales = Type == WeightType::q6_k;
  U4 unit[units];
  U2 high;
  U2 scale[2];        // rows g, g + 8
  uint32_t super[2];

  FABULA_DEVICE void take(const Matrix& m, int tile, int chunk) {
    const int64_t at = static_cast<int64_t>(tile) * m.chunks + chunk;
    const unsigned lane = lane_index(), g = lane / 4;
    const uint8_t* from = m.codes + (at * units * 32 + lane) * 16;
    FABULA_UNROLL
    for (int i = 0; i < units; ++i) unit[i] = load_stream16(from + i * 512);
    if constexpr (shape.high_bytes == 4) high.x = load<uint32_t>(m.high + (at * 32 + lane) * 4);
    if constexpr (shape.high_bytes == 8) high = load<U2>(m.high + (at * 32 + lane) * 8);
    FABULA_UNROLL
    for (int h = 0; h < 2; ++h) {
      const int row = static_cast<int>(g) + 8 * h;
      const uint8_t* s = m.scales + (at * tile_rows + row) * shape.scale_bytes;
      if constexpr (shape.scale_bytes == 8) scale[h] = load<U2>(s);
      else scale[h].x = load<uint32_t>(s);
      if constexpr (shape.super_bytes > 0) {
        const int64_t super_at = static_cast<int64_t>(tile) * ((m.chunks + 3) / 4) + chunk / 4;
        const uint8_t* p = m.supers + (super_at * tile_rows + row) * shape.super_bytes;
        if constexpr (shape.super_bytes == 4) super[h] = load<uint32_t>(p);
        else super[h] = load<uint16_t>(p);
      }
    }
  }

  // Fragment of one block: (g, low), (g + 8, low), (g, high), (g + 8, high), int8 or small unsigned codes.
  FABULA_DEVICE void codes(int block, uint32_t (&a)[4]) const {
    if constexpr (Type == WeightType::q8_0) {
      a[0] = unit[block].x, a[1] = unit[block].y, a[2] = unit[block].z, a[3] = unit[block].w;
    } else {
      const uint32_t low = block == 0 ? unit[0].x : unit[0].z, upper = block == 0 ? unit[0].y : unit[0].w;
      a[0] = low & 0x0f0f0f0fu, a[1] = upper & 0x0f0f0f0fu;
      a[2] = low >> 4 & 0x0f0f0f0fu, a[3] = upper >> 4 & 0x0f0f0f0fu;
      FABULA_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int fragment = (block * 2 + i % 2) * 2 + i / 2;
        if constexpr (shape.high_bytes == 4) a[i] |= (high.x >> fragment & 0x01010101u) << 4;
        if constexpr (shape.high_bytes == 8) a[i] |= ((fragment < 4 ? high.x : high.y) >> 2 * (fragment % 4) & 0x03030303u) << 4;
        if constexpr (Type == WeightType::q4_0) a[i] = centred(a[i], 0x08080808u);
        if constexpr (Type == WeightType::q5_0) a[i] = centred(a[i], 0x10101010u);
        if constexpr (Type == WeightType::q6_k) a[i] = centred(a[i], 0x20202020u);
      }
    }
  }

  FABULA_DEVICE float scale_of(int block, int h, int half) const {
    if constexpr (two_scales) {
      return f16_to_float(super[h]) * static_cast<float>(static_cast<int8_t>(scale[h].x >> 8 * (block * 2 + half)));
    } else if constexpr (shape.super_bytes > 0) {
      return f16_to_float(super[h] & 0xffffu) * static_cast<float>(scale[h].x >> 8 * block & 0xffu);
    } else if constexpr (minima) {
      return f16_to_float((block == 0 ? scale[h].x : scale[h].y) & 0xffffu);
    } else {
      return f16_to_float(scale[h].x >> 16 * block & 0xffffu);
    }
  }

  FABULA_DEVICE float minimum_of(int block, int h) const {
    if constexpr (shape.super_bytes > 0) return -(f16_to_float(super[h] >> 16) * static_cast<float>(scale[h].x >> (16 + 8 * block) & 0xffu));
    else return f16_to_float((block == 0 ? scale[h].x : scale[h].y) >> 16);
  }

  template <int R, int T>
  FABULA_DEVICE static void multiply(const WeightsQuantised (&w)[R], const Rows& x, const TokenRows<T>& rows, int chunk, Sums<R, T>& sums) {
    const int t = static_cast<int>(lane_index() % 4), blocks = x.stride / 32;
    uint32_t a[R][2][4];
    float scale[R][2][2][2], minimum[R][2][2];
    FABULA_UNROLL
    for (int r = 0; r < R; ++r)
      FABULA_UNROLL
      for (int block = 0; block < 2; ++block) {
        w[r].codes(block, a[r][block]);
        FABULA_UNROLL
        for (int h = 0; h < 2; ++h) {
          scale[r][block][h][0] = w[r].scale_of(block, h, 0);
          if constexpr (two_scales) scale[r][block][h][1] = w[r].scale_of(block, h, 1);
          if constexpr (minima) minimum[r][block][h] = w[r].minimum_of(block, h);
        }
      }
    FABULA_UNROLL
    for (int i = 0; i < T; ++i) {
      const U4 b = load<U4>(x.codes + static_cast<int64_t>(rows.operand[i]) * x.stride + chunk * chunk_columns + t * 16);
      float of_token[2][2], sum_of_token[2][2];  // (block, which of the two columns)
      FABULA_UNROLL
      for (int c = 0; c < 2; ++c) {
        const int64_t at = static_cast<int64_t>(rows.sum[i][c]) * blocks + chunk * 2;
        const U2 s = load<U2>(x.scales + at);
        of_token[0][c] = bits_to_float(s.x), of_token[1][c] = bits_to_float(s.y);
        if constexpr (minima) {
          const U2 m = load<U2>(x.sums + at);
          sum_of_token[0][c] = bits_to_float(m.x), sum_of_token[1][c] = bits_to_float(m.y);
        }
      }
      FABULA_UNROLL
      for (int block = 0; block < 2; ++block) {
        const uint32_t right[2] = {block == 0 ? b.x : b.z, block == 0 ? b.y : b.w};
        FABULA_UNROLL
        for (int r = 0; r < R; ++r) {
          float(&sum)[4] = sums[r][i];
          FABULA_UNROLL
          for (int half = 0; half < (two_scales ? 2 : 1); ++half) {
            int dot[4] = {0, 0, 0, 0};
            const uint32_t(&all)[4] = a[r][block];
            if constexpr (two_scales) {  // sixteen columns at a time: the others are multiplied with zeros
              if (half == 0) mma_s8(dot, {all[0], all[1], 0u, 0u}, right);
              else mma_s8(dot, {0u, 0u, all[2], all[3]}, right);
            } else {
              mma_s8(dot, all, right);
            }
            FABULA_UNROLL
            for (int k = 0; k < 4; ++k) sum[k] = fused(static_cast<float>(dot[k]), scale[r][block][k / 2][half] * of_token[block][k % 2], sum[k]);
          }
          if constexpr (minima) {
            FABULA_UNROLL
            for (int k = 0; k < 4; ++k) sum[k] = fused(minimum[r][block][k / 2], sum_of_token[block][k % 2], sum[k]);
          }
        }
      }
    }
  }
};

}  // namespace fabula::gpu
