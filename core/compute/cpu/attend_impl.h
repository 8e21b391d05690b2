// One tile of 64 KV positions against the rows of one KV head. Scores: lanes are positions, head_dim runs serially. Output: lanes
// are head dimensions, positions run serially. A row's numbers never depend on the rows beside it.
#pragma once

#include "core/compute/cpu/rows_impl.h"

namespace {

struct KvF32 {
  static constexpr int size = 4;
  static F at(const uint8_t* p) { return load(reinterpret_cast<const float*>(p)); }
};
struct KvF16 {
  static constexpr int size = 2;
  static F at(const uint8_t* p) { return load_f16(p); }
};
struct KvQ80 {
  static constexpr int size = 1;
  static F at(const uint8_t* p) { return load_i8(p); }
};
template <class Kv> constexpr bool scaled = Kv::size == 1;

inline float half1(const uint8_t* p) {  // one f16; 32 bytes may be read
  uint16_t lanes[16] = {};
  __builtin_memcpy(lanes, p, 2);
  return first(load_f16(reinterpret_cast<const uint8_t*>(lanes)));
}

// scores[r][64] for R rows and NV * 16 positions from `position`.
template <class Kv, int R, int NV>
void scores_at(const AttendArgs& a, int row, int position) {
  F s[R][NV];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < NV; ++v) s[r][v] = zero();
  const float* q = a.q + row * a.q_stride;
  const uint8_t* k = a.k + position * Kv::size;
  const uint8_t* scales = a.k + int64_t{kv_tile} * a.head_dim + position * 2;
  for (int d0 = 0; d0 < a.head_dim;) {
    const int d1 = scaled<Kv> && a.head_dim - d0 > quant_block ? d0 + quant_block : a.head_dim;
    F part[R][NV];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < NV; ++v) part[r][v] = zero();
    for (int d = d0; d < d1; ++d) {
      F keys[NV];
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) keys[v] = Kv::at(k + (d * kv_tile + v * 16) * Kv::size);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const F value = set1(q[r * a.q_stride + d]);
#pragma GCC unroll 8
        for (int v = 0; v < NV; ++v) part[r][v] = fma(keys[v], value, part[r][v]);
      }
    }
    for (int v = 0; v < NV; ++v) {
      if constexpr (scaled<Kv>) {
        const F scale = load_f16(scales + v * 32);
        for (int r = 0; r < R; ++r) s[r][v] = fma(part[r][v], scale, s[r][v]);
      } else {
        for (int r = 0; r < R; ++r) s[r][v] = part[r][v];
      }
    }
    scales += kv_tile * 2;
    d0 = d1;
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < NV; ++v) store(a.scores + (row + r) * kv_tile + position + v * 16, s[r][v]);
}

// acc[r][dim ...] += sum over positions begin .. end - 1 of scores[r][j] * v[j][dim ...].
template <class Kv, int R, int NV>
void values_at(const AttendArgs& a, int row, int dim, int begin, int end) {
  F o[R][NV];
  float* acc = a.acc + static_cast<int64_t>(row) * a.head_dim_padded + dim;
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < NV; ++v) o[r][v] = load(acc + r * a.head_dim_padded + v * 16);
  const float* p = a.scores + row * kv_tile;
  const int blocks = (a.head_dim + quant_block - 1) / quant_block;
  const uint8_t* scales = a.v + int64_t{kv_tile} * a.head_dim_padded;
  for (int j = begin; j < end; ++j) {
    const uint8_t* line = a.v + (static_cast<int64_t>(j) * a.head_dim_padded + dim) * Kv::size;
    F values[NV];
#pragma GCC unroll 8
    for (int v = 0; v < NV; ++v) {
      values[v] = Kv::at(line + v * 16 * Kv::size);
      if constexpr (scaled<Kv>) values[v] = mul(values[v], set1(half1(scales + (j * blocks + (dim + v * 16) / quant_block) * 2)));
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const F weight = set1(p[r * kv_tile + j]);
#pragma GCC unroll 8
      for (int v = 0; v < NV; ++v) o[r][v] = fma(weight, values[v], o[r][v]);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < NV; ++v) store(acc + r * a.head_dim_padded + v * 16, o[r][v]);
}

// Scores become weights exp(s - maximum); what the row does not see becomes 0.
inline void weigh_row(const AttendArgs& a, int row) {
  float* s = a.scores + row * kv_tile;
  const float infinity = __builtin_inff();
  if (a.softcap != 0) softcap(s, kv_tile, 1.0f, a.softcap);
  for (int j = 0; j < a.first[row]; ++j) s[j] = -infinity;
  for (int j = a.last[row]; j < kv_tile; ++j) s[j] = -infinity;
  F v[4];
  for (int i = 0; i < 4; ++i) v[i] = load(s + i * 16);
  const float seen = reduce_max(max(max(v[0], v[1]), max(v[2], v[3])));
  const float old = a.maxima[row], top = old > seen ? old : seen;
  if (top == -infinity) {  // nothing seen yet: -inf - -inf must not happen
    for (int i = 0; i < 4; ++i) store(s + i * 16, zero());
    return;
  }
  for (int i = 0; i < 4; ++i) {
    v[i] = exp16(sub(v[i], set1(top)));
    store(s + i * 16, v[i]);
  }
  const float part = reduce_add(add(add(v[0], v[1]), add(v[2], v[3])));
  if (top == old) { a.sums[row] += part; return; }
  const float keep = exp1(old - top);
  a.maxima[row] = top;
  a.sums[row] = fma1(a.sums[row], keep, part);
  float* acc = a.acc + static_cast<int64_t>(row) * a.head_dim_padded;
  for (int i = 0; i < a.head_dim_padded; i += 16) store(acc + i, mul(load(acc + i), set1(keep)));
}

template <class Kv, int R>
void attend_some_rows(const AttendArgs& a, int row) {
  int begin = kv_tile, end = 0;
  for (int r = row; r < row + R; ++r) {
    begin = a.first[r] < begin ? a.first[r] : begin;
    end = a.last[r] > end ? a.last[r] : end;
  }
  if (begin >= end) return;
  for (int position = 0; position < kv_tile; position += attend_vectors * 16) scores_at<Kv, R, attend_vectors>(a, row, position);
  for (int r = row; r < row + R; ++r) weigh_row(a, r);
  int dim = 0;
  for (; dim + attend_vectors * 16 <= a.head_dim_padded; dim += attend_vectors * 16) values_at<Kv, R, attend_vectors>(a, row, dim, begin, end);
  for (; dim < a.head_dim_padded; dim += 16) values_at<Kv, R, 1>(a, row, dim, begin, end);
}

template <class Kv, int R>
void attend_rows_from(const AttendArgs& a, int row) {
  if constexpr (R >= 1) {
    for (; a.rows - row >= R; row += R) attend_some_rows<Kv, R>(a, row);
    if (row < a.rows) attend_rows_from<Kv, (R > 4 ? 4 : R - 1)>(a, row);
  }
}

template <class Kv>
void attend(const AttendArgs& a) { attend_rows_from<Kv, attend_rows>(a, 0); }

}  // namespace
