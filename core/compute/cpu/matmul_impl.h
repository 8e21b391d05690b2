// Matrix times activations over 16-lane panels, written once over the vectors of the ISA file that includes this.
// Every tile shape runs the same chain per (row, token): acc = fma(w, x, acc) in the order of K, so P and T never show in a bit.
#pragma once

#include "core/compute/cpu/kernels.h"

namespace {

using namespace fabula::compute::cpu;

// Decode fetches so far ahead of what it reads. Panels follow each other without a gap, so the stream simply runs on. Only one stream at a
// time reads memory at its full rate: two to four panels side by side reach 80-90 % of what one does, whatever the distance (NOTES.md).
constexpr int64_t prefetch_bytes = 7168;

template <int64_t n_bytes>
inline __attribute__((always_inline)) void prefetch_ahead(const uint8_t* p) {
#pragma GCC unroll 8
  for (int64_t line = 0; line < n_bytes; line += 64) prefetch(p + prefetch_bytes + line);
}

// The same for several panels side by side (floats: one chain of sums alone would be slower than memory): where they end, the stream goes on in
// the ones that are read next. Panels of small models are hardly longer than the distance, and would begin cold otherwise.
struct Ahead {
  int64_t offset;  // from the line being read to the one to fetch
  int64_t turn;    // line at which the stream goes on in the next panels
  int64_t jump;    // what offset grows by then

  // A stream of `lines`, the next one `next` bytes after its beginning.
  Ahead(int64_t lines, int64_t next) {
    const int64_t ahead = prefetch_bytes / 64 < lines ? prefetch_bytes / 64 : lines;
    offset = ahead * 64;
    turn = lines - ahead;
    jump = next - lines * 64;
  }
  int64_t at(int64_t line) const { return line < turn ? offset : offset + jump; }
};

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

// A block is 32 columns in 8 groups of four; pair<g> gives group g and group g + 4, g < 4, as bytes that dot() understands.
// scale(meta, b) are the scales of block b of a run, last_scale those of its last 16 columns where they differ (halves).
struct PlainMeta {  // f16 d, and m where there is one
  static constexpr int meta_step = 32;  // bytes of scales per block
  static constexpr bool halves = false, has_minimum = false;
  static F scale(const uint8_t* meta, int64_t b) { return load_f16(meta + b * 32); }
};
struct PairMeta {
  static constexpr int meta_step = 64;  // bytes of scales per block
  static constexpr bool halves = false, has_minimum = true;
  static F scale(const uint8_t* meta, int64_t b) { return load_f16(meta + b * 64); }
  static F minimum(const uint8_t* meta, int64_t b) { return load_f16(meta + b * 64 + 32); }
};
struct SuperMeta {  // K-types with minima: (d * scale), -(dmin * minimum); 11 bits times 6 are exact in f32
  static constexpr int meta_step = 40;  // bytes of scales per block
  static constexpr bool halves = false, has_minimum = true;
  static F scale(const uint8_t* meta, int64_t b) {
    const uint8_t* super = meta + b / 8 * 320;
    return mul(load_f16(super), load_u8_as_float(super + 64 + b % 8 * 32));
  }
  static F minimum(const uint8_t* meta, int64_t b) {
    const uint8_t* super = meta + b / 8 * 320;
    return sub(zero(), mul(load_f16(super + 32), load_u8_as_float(super + 64 + b % 8 * 32 + 16)));
  }
};

struct Nibbles {
  static constexpr int block_bytes = 256;
  template <int g>
  static void pair(const uint8_t* block, U& low, U& high) {
    const U both = load_u8(block + 64 * g);
    low = low_nibbles(both);
    high = high_nibbles(both);
  }
  static I dot(I acc, U w, X x) { return dot_small(acc, w, x); }
};
struct FiveBits : Nibbles {  // the fifth bit of group i stands in bit i of 64 more bytes
  static constexpr int block_bytes = 320;
  template <int g>
  static void pair(const uint8_t* block, U& low, U& high) {
    Nibbles::pair<g>(block, low, high);
    const U fifth = load_u8(block + 256);
    low = either(low, bits_of<4 - g, 0, 16>(fifth));
    high = either(high, bits_of<0, g, 16>(fifth));
  }
};
struct SixBits : Nibbles {  // bits 4 and 5 of group i stand in bits 2 (i % 4) and up of 64 bytes for groups 0-3, 64 for 4-7
  static constexpr int block_bytes = 384;
  template <int g>
  static void pair(const uint8_t* block, U& low, U& high) {
    Nibbles::pair<g>(block, low, high);
    constexpr int left = g < 2 ? 4 - 2 * g : 0, right = g < 2 ? 0 : 2 * g - 4;
    low = either(low, bits_of<left, right, 48>(load_u8(block + 256)));
    high = either(high, bits_of<left, right, 48>(load_u8(block + 320)));
  }
};
struct Signed8 {  // bytes are w + 128
  static I start(const int32_t* negated_sum) { return offset_in_sum ? shifted_sum<7>(negated_sum) : zero_int(); }
  static I dot(I acc, U w, X x) { return dot_offset128(acc, w, x); }
};
template <const uint8_t* table>
struct Codebook : Signed8 {
  static constexpr int block_bytes = 256;
  template <int g>
  static void pair(const uint8_t* block, U& low, U& high) {
    Nibbles::pair<g>(block, low, high);
    low = look_up(table, low);
    high = look_up(table, high);
  }
};
// The code books of ggml-common.h, plus 128.
constexpr uint8_t iq4_values[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
constexpr uint8_t mxfp4_values[16] = {128, 129, 130, 131, 132, 134, 136, 140, 128, 127, 126, 125, 124, 122, 120, 116};

struct Q80Panel : Signed8, PlainMeta {
  static constexpr int block_bytes = 512;
  template <int g>
  static void pair(const uint8_t* block, U& low, U& high) {
    low = load_u8(block + 64 * g);
    high = load_u8(block + 64 * (g + 4));
  }
};
struct Q40Panel : Nibbles, PlainMeta {
  static I start(const int32_t* negated_sum) { return shifted_sum<3>(negated_sum); }
};
struct Q41Panel : Nibbles, PairMeta {
  static I start(const int32_t*) { return zero_int(); }
};
struct Q50Panel : FiveBits, PlainMeta {
  static I start(const int32_t* negated_sum) { return shifted_sum<4>(negated_sum); }
};
struct Q51Panel : FiveBits, PairMeta {
  static I start(const int32_t*) { return zero_int(); }
};
struct Q4KPanel : Nibbles, SuperMeta {
  static I start(const int32_t*) { return zero_int(); }
};
struct Q5KPanel : FiveBits, SuperMeta {
  static I start(const int32_t*) { return zero_int(); }
};
struct Q6KPanel : SixBits {
  static constexpr int meta_step = 36;  // bytes of scales per block
  static constexpr bool halves = true, has_minimum = false;
  static I start(const int32_t* negated_sum) { return shifted_sum<5>(negated_sum); }
  static F scale(const uint8_t* meta, int64_t b) {
    const uint8_t* super = meta + b / 8 * 288;
    return mul(load_f16(super), load_i8(super + 32 + b % 8 * 32));
  }
  static F last_scale(const uint8_t* meta, int64_t b) {
    const uint8_t* super = meta + b / 8 * 288;
    return mul(load_f16(super), load_i8(super + 32 + b % 8 * 32 + 16));
  }
};
struct Iq4NlPanel : Codebook<iq4_values>, PlainMeta {};
struct Iq4XsPanel : Codebook<iq4_values> {
  static constexpr int meta_step = 20;  // bytes of scales per block
  static constexpr bool halves = false, has_minimum = false;
  static F scale(const uint8_t* meta, int64_t b) {
    const uint8_t* super = meta + b / 8 * 160;
    return mul(load_f16(super), load_i8(super + 32 + b % 8 * 16));
  }
};
struct Mxfp4Panel : Codebook<mxfp4_values> {
  static constexpr int meta_step = 32;  // bytes of scales per block
  static constexpr bool halves = false, has_minimum = false;
  static F scale(const uint8_t* meta, int64_t b) { return load_bf16(meta + b * 32); }
};

// --- Tiles of P panels by T tokens ---

// acc += one column of P panels times T tokens.
template <class W, int P, int T>
inline __attribute__((always_inline)) void add_column(F (&acc)[P][T], const uint8_t* w, int64_t stride, const float* x) {
  F weights[P];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) weights[p] = W::weights(w + p * stride);
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) {
    const F value = set1(x[t]);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) acc[p][t] = fma(weights[p], value, acc[p][t]);
  }
}

template <class W, int P, int T>
void value_tile_at(const MatmulArgs& a, const uint8_t* panel, int token, float* out) {
  F acc[P][T];
  for (int p = 0; p < P; ++p)
    for (int t = 0; t < T; ++t) acc[p][t] = zero();
  const float* x = a.x.values + token;
  const int64_t width = a.x.value_width, stride = a.panel_bytes;
  const uint8_t* w = panel;
  int64_t k = 0;
  if constexpr (T == 1) {
    constexpr int columns = 64 / W::step;  // of a cache line
    const Ahead ahead(stride / 64, P * stride);
    for (int64_t line = 0; k + columns <= a.cols; ++line, k += columns, w += 64) {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) prefetch(w + p * stride + ahead.at(line));
#pragma GCC unroll 2
      for (int c = 0; c < columns; ++c, x += width) add_column<W, P, T>(acc, w + c * W::step, stride, x);
    }
  }
  for (; k < a.cols; ++k, w += W::step, x += width) add_column<W, P, T>(acc, w, stride, x);
  for (int p = 0; p < P; ++p)
    for (int t = 0; t < T; ++t) store(out + t * a.out_stride + p * panel_rows, acc[p][t]);
}

template <class W, int P, int T, int g>
inline __attribute__((always_inline)) void quant_groups(I (&dots)[P][T], I (&last_dots)[P][T], const uint8_t* w, int64_t stride,
                                                        const int32_t* x, int64_t width) {
  U low[P], high[P];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) W::template pair<g>(w + p * stride, low[p], high[p]);
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) {
    const X x_low = load_x(x + g * width + t), x_high = load_x(x + (g + 4) * width + t);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      dots[p][t] = W::dot(dots[p][t], low[p], x_low);
      if constexpr (W::halves) last_dots[p][t] = W::dot(last_dots[p][t], high[p], x_high);
      else dots[p][t] = W::dot(dots[p][t], high[p], x_high);
    }
  }
}

// The integer sums of one block begin at what undoes the offset of its weights; sums: of the block's first token.
template <class W, int P, int T>
inline __attribute__((always_inline)) void start_dots(I (&dots)[P][T], I (&last_dots)[P][T], const int32_t* sums, int64_t sums_stride) {
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) {
    const I start = W::start(sums + t + (W::halves ? sums_stride : 0));
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) dots[p][t] = start;
    if constexpr (W::halves) {
      const I last_start = W::start(sums + t + 2 * sums_stride);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) last_dots[p][t] = last_start;
    }
  }
}

// acc += one block of one plane of the activations: block b of the row, the i-th of its run, whose scales begin at `meta`.
template <class W, int P, int T>
inline __attribute__((always_inline)) void add_block(F (&acc)[P][T], const uint8_t* w, const uint8_t* meta, int64_t stride, int64_t i,
                                                     const QuantPlane& plane, int64_t b, int64_t width, int64_t sums_stride) {
  I dots[P][T], last_dots[P][T];
  start_dots<W, P, T>(dots, last_dots, plane.negated_sums + b * width, sums_stride);
  const int32_t* x = plane.quants + b * 8 * width;
  quant_groups<W, P, T, 0>(dots, last_dots, w, stride, x, width);
  quant_groups<W, P, T, 1>(dots, last_dots, w, stride, x, width);
  quant_groups<W, P, T, 2>(dots, last_dots, w, stride, x, width);
  quant_groups<W, P, T, 3>(dots, last_dots, w, stride, x, width);
  F scale[P];
  for (int p = 0; p < P; ++p) scale[p] = W::scale(meta + p * stride, i);
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) {
    const F x_scale = set1(plane.scales[b * width + t]);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) acc[p][t] = fma(to_float(dots[p][t]), mul(scale[p], x_scale), acc[p][t]);
    if constexpr (W::halves) {
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p)
        acc[p][t] = fma(to_float(last_dots[p][t]), mul(W::last_scale(meta + p * stride, i), x_scale), acc[p][t]);
    }
  }
}

// Whether any of n scales, none of them negative, is above 0.
inline bool any_above_zero(const float* scales, int64_t n) {
  F top = zero();
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) top = max(top, load(scales + i));
  float rest = 0;
  for (; i < n; ++i) rest = rest > scales[i] ? rest : scales[i];
  return rest > 0 || reduce_max(top) > 0;
}

template <int T>
inline bool any_above_zero(const float* scales) {
  uint32_t bits[T], all = 0;
  __builtin_memcpy(bits, scales, sizeof(bits));
  for (int t = 0; t < T; ++t) all |= bits[t];
  return all != 0;
}

// Bit i: whether some of the T tokens has an outlier in the i-th of n blocks, n <= 16. scales: (blocks, width), of the first.
template <int T>
inline uint32_t fine_blocks(const float* scales, int64_t n, int64_t width) {
  if (T == 1 && width == 1 && n == run_blocks) return above_zero(load(scales));
  uint32_t bits = 0;
  for (int64_t i = 0; i < n; ++i) bits |= static_cast<uint32_t>(any_above_zero<T>(scales + i * width)) << i;
  return bits;
}

// Up to run_blocks blocks of a quantised panel: their scales, then their quants (kernels.h).
struct Run {
  const uint8_t* meta;
  int64_t first, n;  // block of the row, blocks
  Run(const uint8_t* panel, int64_t blocks) : meta(panel), first(0), n(blocks < run_blocks ? blocks : run_blocks) {}
  template <class W>
  void next(int64_t blocks) {
    meta += n * (W::meta_step + W::block_bytes);
    first += n;
    n = blocks - first < run_blocks ? blocks - first : run_blocks;
  }
};

template <class W, int P, int T>
void quant_tile_at(const MatmulArgs& a, const uint8_t* panel, int token, float* out) {
  F acc[P][T];
  for (int p = 0; p < P; ++p)
    for (int t = 0; t < T; ++t) acc[p][t] = zero();
  const int64_t width = a.x.quant_width, blocks = a.cols / quant_block, stride = a.panel_bytes;
  const QuantPlane coarse = {a.x.coarse.quants + token, a.x.coarse.scales + token, a.x.coarse.negated_sums + token};
  // Fetching costs a warm tile of several tokens nothing to 3 %, and a twelfth where there are two scales a block.
  constexpr bool fetches = T == 1, may_fetch = !W::halves;
  // Behind its end each stream goes on in the panels that are read next: straight on it would fetch what its neighbour has just read.
  const auto beyond = [&](const uint8_t* at) { return at - panel + prefetch_bytes < stride ? 0 : (P - 1) * stride; };
  for (Run run(panel, blocks); run.n > 0; run.template next<W>(blocks)) {
    const uint8_t* w = run.meta + run.n * W::meta_step;
    if (fetches || __builtin_expect(may_fetch && a.cold, 0)) {
      for (int p = 0; p < P; ++p) prefetch_ahead<run_blocks * W::meta_step>(run.meta + p * stride + beyond(run.meta));
    }
    for (int64_t i = 0; i < run.n; ++i, w += W::block_bytes) {
      const int64_t b = run.first + i;
      if (fetches || __builtin_expect(may_fetch && a.cold, 0)) {
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) prefetch_ahead<W::block_bytes>(w + p * stride + beyond(w));
      }
      add_block<W, P, T>(acc, w, run.meta, stride, i, coarse, b, width, a.x.sums_stride);
      if constexpr (W::has_minimum) {
        for (int p = 0; p < P; ++p) {
          const F minimum = W::minimum(run.meta + p * stride, i);
#pragma GCC unroll 16
          for (int t = 0; t < T; ++t)
            acc[p][t] = fma(set1(a.x.scaled_sums[b * width + token + t]), minimum, acc[p][t]);
        }
      }
    }
  }
  // Then the fine planes of blocks in which some token has an outlier: a loop of its own, as the usual one would lose a fifth of its speed
  // to it. Zero times anything leaves the sums of the other tokens as they are, whoever shares their tile.
  const QuantPlane fine = {a.x.fine.quants + token, a.x.fine.scales + token, a.x.fine.negated_sums + token};
  const bool none = !any_above_zero(a.x.fine.scales, blocks * width);
  for (Run run(panel, none ? 0 : blocks); run.n > 0; run.template next<W>(blocks))
    for (uint32_t left = fine_blocks<T>(fine.scales + run.first * width, run.n, width); left != 0; left &= left - 1) {
      const int64_t i = __builtin_ctz(left);
      add_block<W, P, T>(acc, run.meta + run.n * W::meta_step + i * W::block_bytes, run.meta, stride, i, fine, run.first + i, width,
                         a.x.sums_stride);
    }
  for (int p = 0; p < P; ++p)
    for (int t = 0; t < T; ++t) store(out + t * a.out_stride + p * panel_rows, acc[p][t]);
}

template <class W>
struct ValueTiles {
  static constexpr int largest = value_tile, decode = decode_panels;
  template <int P, int T>
  static void at(const MatmulArgs& a, const uint8_t* panel, int token, float* out) { value_tile_at<W, P, T>(a, panel, token, out); }
};
template <class W>
struct QuantTiles {
  static constexpr int largest = quant_tile, decode = 1;
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
    for (; p + Tiles::decode <= a.n_panels; p += Tiles::decode)
      Tiles::template at<Tiles::decode, 1>(a, a.panels + p * a.panel_bytes, 0, a.out + p * panel_rows);
  }
  for (; p + panel_group <= a.n_panels; p += panel_group)
    tokens_of<Tiles, panel_group, Tiles::largest>(a, a.panels + p * a.panel_bytes, 0, a.out + p * panel_rows);
  for (; p < a.n_panels; ++p) tokens_of<Tiles, 1, Tiles::largest>(a, a.panels + p * a.panel_bytes, 0, a.out + p * panel_rows);
}

}  // namespace
