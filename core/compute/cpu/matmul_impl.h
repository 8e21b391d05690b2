// Matrix times activations over 16-lane panels, written once over the vectors of the ISA file that includes this.
// Every tile shape runs the same chain per (row, token): acc = fma(w, x, acc) in the order of K, so P and T never show in a bit.
#pragma once

#include "core/compute/cpu/kernels.h"

namespace {

using namespace fabula::compute::cpu;

constexpr int prefetch_bytes = 3072;  // 2-4 KiB ahead measures best on DRAM; NTA is 2-3 times slower

// --- Panel types: how to get 16 weights, or 64 bytes of quants, of one panel ---

struct F32Panel {
  static constexpr int step = 64;
  static F weights(const uint8_t* p) { return load(reinterpret_cast<const float*>(p)); }
};
struct F16Panel {
  static constexpr int step = 32;
  static F weights(const uint8_t* p) { return load_f16(p); }
};
struct Bf16Panel {
  static constexpr int step = 32;
  static F weights(const uint8_t* p) { return load_bf16(p); }
};

// A block is 32 columns in 8 groups of four; `pair` gives group g and group g + 4, g < 4.
struct Q80Panel {
  static constexpr int block_bytes = 512, meta_bytes = 32;
  static constexpr bool has_minimum = false;
  static void pair(const uint8_t* block, int g, U& low, U& high) {
    low = load_u8(block + 64 * g);
    high = load_u8(block + 64 * (g + 4));
  }
  static I start(const int32_t* negated_sum) { return offset_in_sum ? shifted_sum<7>(negated_sum) : zero_int(); }
  static I dot(I acc, U w, X x) { return dot_offset128(acc, w, x); }
  static F scale(const uint8_t* meta) { return load_f16(meta); }
};
struct Q40Panel {
  static constexpr int block_bytes = 256, meta_bytes = 32;
  static constexpr bool has_minimum = false;
  static void pair(const uint8_t* block, int g, U& low, U& high) {
    const U both = load_u8(block + 64 * g);
    low = low_nibbles(both);
    high = high_nibbles(both);
  }
  static I start(const int32_t* negated_sum) { return shifted_sum<3>(negated_sum); }
  static I dot(I acc, U w, X x) { return dot_small(acc, w, x); }
  static F scale(const uint8_t* meta) { return load_f16(meta); }
};
struct Q41Panel : Q40Panel {
  static constexpr int meta_bytes = 64;
  static constexpr bool has_minimum = true;
  static I start(const int32_t*) { return zero_int(); }
  static F minimum(const uint8_t* meta) { return load_f16(meta + 32); }
};

// --- Tiles of P panels by T tokens ---

template <class W, int P, int T>
void value_tile_at(const MatmulArgs& a, const uint8_t* panel, int token, float* out) {
  F acc[P][T];
  for (int p = 0; p < P; ++p)
    for (int t = 0; t < T; ++t) acc[p][t] = zero();
  const float* x = a.x.values + token;
  const int64_t width = a.x.value_width;
  const int64_t stride = a.panel_bytes;
  const uint8_t* w = panel;
  for (int64_t k = 0; k < a.cols; ++k) {
    F weights[P];
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      if constexpr (T == 1) prefetch(w + p * stride + prefetch_bytes);
      weights[p] = W::weights(w + p * stride);
    }
#pragma GCC unroll 16
    for (int t = 0; t < T; ++t) {
      const F value = set1(x[t]);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) acc[p][t] = fma(weights[p], value, acc[p][t]);
    }
    x += width;
    w += W::step;
  }
  for (int p = 0; p < P; ++p)
    for (int t = 0; t < T; ++t) store(out + t * a.out_stride + p * panel_rows, acc[p][t]);
}

template <class W, int P, int T>
void quant_tile_at(const MatmulArgs& a, const uint8_t* panel, int token, float* out) {
  F acc[P][T];
  for (int p = 0; p < P; ++p)
    for (int t = 0; t < T; ++t) acc[p][t] = zero();
  const int64_t width = a.x.quant_width, blocks = a.cols / quant_block, stride = a.panel_bytes;
  const int32_t* x = a.x.quants + token;
  const uint8_t* w = panel;
  const uint8_t* meta = panel + blocks * W::block_bytes;
  for (int64_t b = 0; b < blocks; ++b) {
    I dots[P][T];
#pragma GCC unroll 16
    for (int t = 0; t < T; ++t) {
      const I start = W::start(a.x.negated_sums + b * width + token + t);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) dots[p][t] = start;
    }
#pragma GCC unroll 4
    for (int g = 0; g < 4; ++g) {
      U low[P], high[P];
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        if constexpr (T == 1) {
          prefetch(w + p * stride + 64 * g + prefetch_bytes);
          if constexpr (W::block_bytes == 512) prefetch(w + p * stride + 64 * (g + 4) + prefetch_bytes);
        }
        W::pair(w + p * stride, g, low[p], high[p]);
      }
#pragma GCC unroll 16
      for (int t = 0; t < T; ++t) {
        const X x_low = load_x(x + g * width + t), x_high = load_x(x + (g + 4) * width + t);
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) dots[p][t] = W::dot(W::dot(dots[p][t], low[p], x_low), high[p], x_high);
      }
    }
    F scale[P];
    for (int p = 0; p < P; ++p) scale[p] = W::scale(meta + p * stride);
#pragma GCC unroll 16
    for (int t = 0; t < T; ++t) {
      const F x_scale = set1(a.x.scales[b * width + token + t]);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) acc[p][t] = fma(to_float(dots[p][t]), mul(scale[p], x_scale), acc[p][t]);
    }
    if constexpr (W::has_minimum) {
      for (int p = 0; p < P; ++p) {
        const F minimum = W::minimum(meta + p * stride);
#pragma GCC unroll 16
        for (int t = 0; t < T; ++t)
          acc[p][t] = fma(set1(a.x.scaled_sums[b * width + token + t]), minimum, acc[p][t]);
      }
    }
    x += 8 * width;
    w += W::block_bytes;
    meta += W::meta_bytes;
  }
  for (int p = 0; p < P; ++p)
    for (int t = 0; t < T; ++t) store(out + t * a.out_stride + p * panel_rows, acc[p][t]);
}

template <class W>
struct ValueTiles {
  static constexpr int largest = value_tile;
  template <int P, int T>
  static void at(const MatmulArgs& a, const uint8_t* panel, int token, float* out) { value_tile_at<W, P, T>(a, panel, token, out); }
};
template <class W>
struct QuantTiles {
  static constexpr int largest = quant_tile;
  template <int P, int T>
  static void at(const MatmulArgs& a, const uint8_t* panel, int token, float* out) { quant_tile_at<W, P, T>(a, panel, token, out); }
};

// Tokens token .. n_tokens - 1 in steps of T where they fit, the rest in smaller ones.
template <class Tiles, int P, int T>
void tokens_of(const MatmulArgs& a, const uint8_t* panel, int token, float* out) {
  if constexpr (T >= 1) {
    while (a.n_tokens - token >= T) {
      Tiles::template at<P, T>(a, panel, token, out + token * a.out_stride);
      token += T;
    }
    constexpr int smaller = T > 8 ? 8 : T > 6 ? 6 : T > 4 ? 4 : T - 1;
    if (token < a.n_tokens) tokens_of<Tiles, P, smaller>(a, panel, token, out);
  }
}

template <class Tiles>
void matmul(const MatmulArgs& a) {
  int p = 0;
  if (a.n_tokens == 1) {
    for (; p + decode_panels <= a.n_panels; p += decode_panels)
      Tiles::template at<decode_panels, 1>(a, a.panels + p * a.panel_bytes, 0, a.out + p * panel_rows);
  }
  for (; p + panel_group <= a.n_panels; p += panel_group)
    tokens_of<Tiles, panel_group, Tiles::largest>(a, a.panels + p * a.panel_bytes, 0, a.out + p * panel_rows);
  for (; p < a.n_panels; ++p) tokens_of<Tiles, 1, Tiles::largest>(a, a.panels + p * a.panel_bytes, 0, a.out + p * panel_rows);
}

}  // namespace
