// Products of packed matrices with few or many rows of activations: one family of kernels, one order of sums.
//
// How much must be in flight: an H100 reads 3.35 TB/s with a latency of about 650 ns under load, so 3.35e12 * 650e-9 = 2.2 MB over 132
// multiprocessors, 16.5 KB each, and twice that to hide the spread of latencies: some 40 KB. A warp has `ahead` chunks on their way while
// it multiplies as many: 4 KB of bf16 or q8_0, 2 KB of q4_0 (four chunks; eight took 200 registers). Matrices are cut so that at least 16
// warps per multiprocessor find work (wanted_warps, weights.cpp): 64 KB, or 32 KB of q4_0.
#pragma once

#include "gpu/device/launch.h"
#include "gpu/kernels/fragments.h"
#include "gpu/kernels/kernels.h"

namespace fabula::gpu {

inline constexpr int max_ranges = 8;

template <class W, int R, int T>
FABULA_DEVICE inline void sum_range(const Matrix& m, int tile, int range, const Rows& x, const TokenRows<T>& rows, Sums<R, T>& sums) {
  constexpr int ahead = R > 1 || W::units >= 8 ? 1 : W::units == 4 ? 2 : 4;
  FABULA_UNROLL
  for (int r = 0; r < R; ++r)
    FABULA_UNROLL
    for (int i = 0; i < T; ++i)
      FABULA_UNROLL
      for (int k = 0; k < 4; ++k) sums[r][i][k] = 0;
  const int begin = range * m.range_chunks, end = begin + m.range_chunks < m.chunks ? begin + m.range_chunks : m.chunks;
  // Two generations of registers: while one is multiplied, the next is on its way.
  W now[ahead][R], next[ahead][R];
  const auto take = [&](W(&to)[ahead][R], int chunk) {
    FABULA_UNROLL
    for (int j = 0; j < ahead; ++j)
      FABULA_UNROLL
      for (int r = 0; r < R; ++r)
        if (chunk + j < end) to[j][r].take(m, tile + r < m.tiles ? tile + r : m.tiles - 1, chunk + j);
  };
  take(now, begin);
  for (int chunk = begin; chunk < end; chunk += ahead) {
    take(next, chunk + ahead);
    FABULA_UNROLL
    for (int j = 0; j < ahead; ++j)
      if (chunk + j < end) W::template multiply<R, T>(now[j], x, rows, chunk + j, sums);
    FABULA_UNROLL
    for (int j = 0; j < ahead; ++j)
      FABULA_UNROLL
      for (int r = 0; r < R; ++r) now[j][r] = next[j][r];
  }
}

// Which of the args' matrices holds the launch's tile, and which tile of it that is.
FABULA_DEVICE inline int matrix_of(const LinearArgs& args, int& tile) {
  int which = 0;
  while (which + 1 < args.count && tile >= args.matrix[which].tiles) tile -= args.matrix[which++].tiles;
  return which;
}

// Columns of the launch that lane (g, t) reads and keeps. Columns beyond `n` read the last one and are not written.
template <int T>
FABULA_DEVICE inline TokenRows<T> token_rows(const LinearArgs& args, int first, int n) {
  TokenRows<T> rows;
  const int g = static_cast<int>(lane_index() / 4), t = static_cast<int>(lane_index() % 4);
  const auto row = [&](int column) {
    const int at = first + (column < n ? column : n - 1);
    return args.order ? args.order[at] / args.pairs_per_row : at;
  };
  FABULA_UNROLL
  for (int i = 0; i < T; ++i) {
    rows.operand[i] = row(i * 8 + g);
    rows.sum[i][0] = row(i * 8 + 2 * t);
    rows.sum[i][1] = row(i * 8 + 2 * t + 1);
  }
  return rows;
}

FABULA_DEVICE inline void write_sum(const LinearArgs& args, int which, int tile, int first, int n, int row_in_tile, int column, float sum) {
  const int row = tile * tile_rows + row_in_tile;
  if (row >= args.matrix[which].rows || column >= n) return;
  const int to = args.order ? args.order[first + column] : first + column;
  if (args.bias[which]) sum += args.bias[which][row];
  args.out[which][static_cast<int64_t>(to) * args.out_stride[which] + row] = sum;
}

// Few rows: a block takes one tile of 16 output rows, each warp one range of columns; then the ranges are added in order.
template <class W, int T>
FABULA_KERNEL void FABULA_LAUNCH_BOUNDS(32 * max_ranges) linear_few(LinearArgs args) {
  float(*partial)[T * 4 * 32] = reinterpret_cast<float(*)[T * 4 * 32]>(shared_memory());
  int tile = static_cast<int>(block_x()), first = static_cast<int>(block_y()) * 8 * T, n = args.n - first < 8 * T ? args.n - first : 8 * T;
  const int which = matrix_of(args, tile);
  Matrix m = args.matrix[which];
  if (args.groups) {
    const ExpertGroup group = args.groups[block_y()];
    if (group.count == 0) return;
    first = group.begin, n = group.count;
    const int64_t offset = group.expert * m.expert_bytes;
    m.codes += offset;
    if (m.high) m.high += offset;
    if (m.scales) m.scales += offset;
    if (m.supers) m.supers += offset;
  }
  const TokenRows<T> rows = token_rows<T>(args, first, n);
  const int range = static_cast<int>(warp_index()), lane = static_cast<int>(lane_index());
  Sums<1, T> sums;
  sum_range<W, 1, T>(m, tile, range, args.x, rows, sums);
  FABULA_UNROLL
  for (int i = 0; i < T; ++i)
    FABULA_UNROLL
    for (int k = 0; k < 4; ++k) partial[range][(i * 4 + k) * 32 + lane] = sums[0][i][k];
  sync_block();
  for (int at = static_cast<int>(thread_index()); at < T * 4 * 32; at += static_cast<int>(block_threads())) {
    float total = partial[0][at];
    for (int r = 1; r < m.ranges; ++r) total += partial[r][at];
    const int i = at / 128, k = at / 32 % 4, from = at % 32;
    write_sum(args, which, tile, first, n, from / 4 + k / 2 * 8, i * 8 + from % 4 * 2 + k % 2, total);
  }
}

// Many rows: 8 warps as 4 x 2, each 32 output rows by 8 * many_token_tiles tokens; a warp goes through all ranges itself, adding them in the same order.
inline constexpr int many_row_tiles = 2, many_row_warps = 4, many_token_warps = 2;

template <class W>
FABULA_KERNEL void FABULA_LAUNCH_BOUNDS(32 * many_row_warps * many_token_warps) linear_many(LinearArgs args) {
  constexpr int R = many_row_tiles, T = W::many_token_tiles;
  const int warp = static_cast<int>(warp_index()), lane = static_cast<int>(lane_index());
  // A block's tiles are all of one matrix: each matrix of the launch has its own run of blocks.
  int block = static_cast<int>(block_x()), which = 0;
  constexpr int block_tiles = R * many_row_warps;
  while (which + 1 < args.count && block >= (args.matrix[which].tiles + block_tiles - 1) / block_tiles)
    block -= (args.matrix[which++].tiles + block_tiles - 1) / block_tiles;
  const Matrix& m = args.matrix[which];
  const int tile = block * block_tiles + warp % many_row_warps * R;
  const int first = (static_cast<int>(block_y()) * many_token_warps + warp / many_row_warps) * 8 * T;
  const int n = args.n - first < 8 * T ? args.n - first : 8 * T;
  if (tile >= m.tiles || n <= 0) return;
  const TokenRows<T> rows = token_rows<T>(args, first, n);
  Sums<R, T> total, sums;
  sum_range<W, R, T>(m, tile, 0, args.x, rows, total);
  for (int range = 1; range < m.ranges; ++range) {
    sum_range<W, R, T>(m, tile, range, args.x, rows, sums);
    FABULA_UNROLL
    for (int r = 0; r < R; ++r)
      FABULA_UNROLL
      for (int i = 0; i < T; ++i)
        FABULA_UNROLL
        for (int k = 0; k < 4; ++k) total[r][i][k] += sums[r][i][k];
  }
  FABULA_UNROLL
  for (int r = 0; r < R; ++r)
    FABULA_UNROLL
    for (int i = 0; i < T; ++i)
      FABULA_UNROLL
      for (int k = 0; k < 4; ++k)
        if (tile + r < m.tiles) write_sum(args, which, tile + r, first, n, lane / 4 + k / 2 * 8, i * 8 + lane % 4 * 2 + k % 2, total[r][i][k]);
}

inline constexpr int few_rows = 64;  // above, reading weights once for 64 or 128 tokens pays more than splitting their columns

template <class W>
void launch_linear(Device& device, const LinearArgs& args) {
  unsigned tiles = 0, blocks = 0;
  for (int i = 0; i < args.count; ++i) {
    tiles += static_cast<unsigned>(args.matrix[i].tiles);
    blocks += static_cast<unsigned>((args.matrix[i].tiles + many_row_tiles * many_row_warps - 1) / (many_row_tiles * many_row_warps));
  }
  const auto ranges = static_cast<unsigned>(args.matrix[0].ranges), n = static_cast<unsigned>(args.n);
  const Grid grid{.x = tiles, .threads = 32 * ranges};
  const auto few = [&](auto kernel, unsigned width, unsigned groups) {
    Grid g = grid;
    g.y = groups;
    g.shared_bytes = ranges * width * 16 * sizeof(float);
    launch(device, g, kernel, args);
  };
  if (args.groups) {
    // n: how many groups. A group's width is chosen with the routing (8 or 32).
    if (args.group_width <= 8) few(&linear_few<W, 1>, 8, n);
    else few(&linear_few<W, 4>, 32, n);
  } else if (n <= 8) {
    few(&linear_few<W, 1>, 8, 1);
  } else if (n <= few_rows) {
    few(&linear_few<W, 4>, 32, (n + 31) / 32);
  } else {
    constexpr unsigned tokens = 8 * W::many_token_tiles * many_token_warps;
    launch(device, {.x = blocks, .y = (n + tokens - 1) / tokens, .threads = 32 * many_row_warps * many_token_warps}, &linear_many<W>, args);
  }
}

}  // namespace fabula::gpu
