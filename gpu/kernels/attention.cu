// Attention over the paged cache, one kernel for decode and prefill. A block takes 8 or 16 query rows of one KV head; each of its 8 warps
// one tile of 64 positions of a split of 512: scores, softmax and weighted values of that tile alone, on the tensor cores. Then the block
// folds the split's tiles in the order of positions, and splits are folded in order, by the block itself (prefill) or by a second kernel
// (decode: many splits of few rows run side by side). So a row's bits depend on its positions alone (NUMERICS 5).
//
// In flight: K and V of a warp's tile are 2 x 64 x head_dim values, all loads independent; with f16 and head_dim 128 32 KB a warp pass by,
// of which the compiler keeps 4 to 8 loads of 512 bytes outstanding: 8 warps x 4 KB = 32 KB a block.
#include "gpu/device/launch.h"
#include "gpu/kernels/fragments.h"
#include "gpu/kernels/kv_head.h"

namespace fabula::gpu {

namespace {

constexpr int attend_threads = 32 * split_tiles, score_stride = kv_tile + 4;

template <bool Exact>
FABULA_DEVICE inline void multiply(float (&sum)[4], const float (&a)[4], float b0, float b1) {
  if constexpr (Exact) {
    mma_split(sum, {split_float(a[0]), split_float(a[1]), split_float(a[2]), split_float(a[3])}, {split_float(b0), split_float(b1)});
  } else {
    mma_tf32(sum, {float_to_tf32(a[0]), float_to_tf32(a[1]), float_to_tf32(a[2]), float_to_tf32(a[3])}, {float_to_tf32(b0), float_to_tf32(b1)});
  }
}

// Shared memory of a block. Width: rows of an item.
struct Layout {
  float *q, *scores, *acc, *total, *stats, *factors;
  int padded;

  static constexpr size_t floats(int width, int padded) {
    const int all = width * padded + split_tiles * width * score_stride + split_tiles * width * padded + width * padded +
                    split_tiles * width * 2 + split_tiles * width * 2 + width * 4;
    return static_cast<size_t>(all);
  }
  FABULA_DEVICE Layout(float* base, int width, int padded_dim) : padded(padded_dim) {
    q = base;
    scores = q + width * padded;
    acc = scores + split_tiles * width * score_stride;
    total = acc + split_tiles * width * padded;
    stats = total + width * padded;          // (tiles, width, 2): maximum, sum
    factors = stats + split_tiles * width * 2;  // (tiles, width, 2): keep, take; then (width, 4): split's maximum and sum, total's
  }
};

struct RowRange {
  int first, last;  // positions that the row sees: first .. last
};

FABULA_DEVICE inline RowRange sees(const AttentionArgs& a, int token) {
  const int position = a.step.position[token];
  const int first = a.window > 0 && position - a.window + 1 > 0 ? position - a.window + 1 : 0;
  return {first, position};
}

// Scores of one tile (64 positions from `begin`) into scores (width, score_stride).
template <KvType Type, int T>
FABULA_DEVICE inline void score_tile(const Layout& s, const uint8_t* k, float* scores) {
  using Reader = KvReader<Type>;
  const int g = static_cast<int>(lane_index() / 4), t = static_cast<int>(lane_index() % 4);
  for (int m = 0; m < kv_tile; m += 16) {
    float sum[T][4] = {};
    for (int dim = t * 8; dim < s.padded; dim += 32) {
      float low[8], high[8];
      Reader::k8(k, s.padded, m + g, dim, low);
      Reader::k8(k, s.padded, m + g + 8, dim, high);
      FABULA_UNROLL
      for (int i = 0; i < T; ++i) {
        const float* q = s.q + (i * 8 + g) * s.padded + dim;
        FABULA_UNROLL
        for (int u = 0; u < 8; u += 2) multiply<Reader::exact>(sum[i], {low[u], high[u], low[u + 1], high[u + 1]}, q[u], q[u + 1]);
      }
    }
    FABULA_UNROLL
    for (int i = 0; i < T; ++i)
      FABULA_UNROLL
      for (int c = 0; c < 4; ++c) scores[(i * 8 + 2 * t + c % 2) * score_stride + m + g + c / 2 * 8] = sum[i][c];
  }
}

// Scores to weights exp(score - maximum), 0 where the row does not see the position; two lanes a row, 32 positions each.
FABULA_DEVICE inline void softmax_tile(const AttentionArgs& a, int width, RowRange range, int begin, float* scores, float* stats) {
  const int row = static_cast<int>(lane_index() / 2), part = static_cast<int>(lane_index() % 2) * 32;
  float* const x = scores + row * score_stride + part;
  float top = -INFINITY, sum = 0;
  const bool own = row < width;
  if (own)
    for (int i = 0; i < 32; ++i) {
      const int position = begin + part + i;
      if (position < range.first || position > range.last) continue;
      if (a.softcap != 0) x[i] = a.softcap * hyperbolic_tangent(x[i] / a.softcap);
      top = x[i] > top ? x[i] : top;
    }
  const float other = shuffle_xor(top, 1);
  top = other > top ? other : top;
  if (own)
    for (int i = 0; i < 32; ++i) {
      const int position = begin + part + i;
      const bool seen = position >= range.first && position <= range.last;
      x[i] = seen ? exponential(x[i] - top) : 0.0f;
      sum += x[i];
    }
  sum += shuffle_xor(sum, 1);
  if (own && part == 0) {
    stats[row * 2] = top;
    stats[row * 2 + 1] = sum;
  }
}

// acc (width, padded) = weights x values; values of positions from `valid` on are never multiplied: they may be anything.
template <KvType Type, int T>
FABULA_DEVICE inline void value_tile(const Layout& s, const uint8_t* v, const float* weights, int valid, float* acc) {
  using Reader = KvReader<Type>;
  const int g = static_cast<int>(lane_index() / 4), t = static_cast<int>(lane_index() % 4);
  for (int m = 0; m < s.padded; m += 16) {
    float sum[T][4] = {};
    FABULA_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int slot = half * 32 + t * 8;
      float low[8], high[8];
      Reader::v8(v, s.padded, m + g, slot, low);
      Reader::v8(v, s.padded, m + g + 8, slot, high);
      FABULA_UNROLL
      for (int u = 0; u < 8; ++u) {
        low[u] = slot + u < valid ? low[u] : 0.0f;
        high[u] = slot + u < valid ? high[u] : 0.0f;
      }
      FABULA_UNROLL
      for (int i = 0; i < T; ++i) {
        const float* w = weights + (i * 8 + g) * score_stride + slot;
        FABULA_UNROLL
        for (int u = 0; u < 8; u += 2) multiply<Reader::exact>(sum[i], {low[u], high[u], low[u + 1], high[u + 1]}, w[u], w[u + 1]);
      }
    }
    FABULA_UNROLL
    for (int i = 0; i < T; ++i)
      FABULA_UNROLL
      for (int c = 0; c < 4; ++c) acc[(i * 8 + 2 * t + c % 2) * s.padded + m + g + c / 2 * 8] = sum[i][c];
  }
}

// What folding another part into a running (maximum, sum) multiplies the two with; a part that saw nothing changes nothing.
struct Fold {
  float keep, take;
};
FABULA_DEVICE inline Fold fold(float& maximum, float& sum, float other_maximum, float other_sum) {
  if (other_maximum == -INFINITY) return {1.0f, 0.0f};
  const float top = maximum > other_maximum ? maximum : other_maximum;
  const Fold f{maximum == -INFINITY ? 0.0f : exponential(maximum - top), exponential(other_maximum - top)};
  maximum = top;
  sum = fused(other_sum, f.take, sum * f.keep);
  return f;
}
FABULA_DEVICE inline float folded(const Fold& f, float value, float other) { return f.take == 0.0f ? value : fused(other, f.take, value * f.keep); }

struct Item {
  int token, row, rows;   // rows row .. row + rows - 1 of the sequence, whose first token is `token`
  int first, last;        // positions that any of the rows sees
  const int32_t* blocks;
};

// One split of one item by the whole block: its folded weights x values to s.acc's first tile, its maximum and sum to `split` (width, 2).
template <KvType Type, int T>
FABULA_DEVICE inline void attend_split(const AttentionArgs& a, const Layout& s, const Item& item, int head, int split, float* split_stats) {
  constexpr int width = 8 * T;
  const int warp = static_cast<int>(warp_index()), group = a.heads / a.kv.heads;
  const int begin = (split * split_tiles + warp) * kv_tile;
  float* const stats = s.stats + warp * width * 2;
  float* const acc = s.acc + warp * width * s.padded;
  const bool seen = begin <= item.last && begin + kv_tile > item.first;
  if (seen) {
    const uint8_t* k = kv_head(a.kv, item.blocks[begin / kv_tile], a.layer, head);
    float* const scores = s.scores + warp * width * score_stride;
    score_tile<Type, T>(s, k, scores);
    sync_warp();
    const int row = static_cast<int>(lane_index() / 2);
    RowRange range{0, -1};
    if (row < item.rows) range = sees(a, item.token + (item.row + row) / group);
    softmax_tile(a, width, range, begin, scores, stats);
    sync_warp();
    value_tile<Type, T>(s, k + a.kv.v_offset, scores, item.last + 1 - begin, acc);
  } else if (lane_index() < width) {
    stats[lane_index() * 2] = -INFINITY;
    stats[lane_index() * 2 + 1] = 0;
  }
  sync_block();
  if (thread_index() < width) {
    const int row = static_cast<int>(thread_index());
    float maximum = -INFINITY, sum = 0;
    for (int w = 0; w < split_tiles; ++w) {
      const Fold f = fold(maximum, sum, s.stats[(w * width + row) * 2], s.stats[(w * width + row) * 2 + 1]);
      s.factors[(w * width + row) * 2] = f.keep;
      s.factors[(w * width + row) * 2 + 1] = f.take;
    }
    split_stats[row * 2] = maximum;
    split_stats[row * 2 + 1] = sum;
  }
  sync_block();
  for (int at = static_cast<int>(thread_index()); at < width * s.padded; at += attend_threads) {
    float value = 0;
    for (int w = 0; w < split_tiles; ++w) {
      const float* f = s.factors + (w * width + at / s.padded) * 2;
      if (f[1] != 0.0f) value = folded({f[0], f[1]}, value, s.acc[w * width * s.padded + at]);
    }
    s.acc[at] = value;  // only this thread reads this place of the first tile
  }
  sync_block();
}

template <KvType Type, int T>
FABULA_KERNEL void FABULA_LAUNCH_BOUNDS(attend_threads) attend_kernel(AttentionArgs a) {
  constexpr int width = 8 * T;
  const Layout s(reinterpret_cast<float*>(shared_memory()), width, a.kv.padded);
  const int index = static_cast<int>(block_x()), head = static_cast<int>(block_y()), group = a.heads / a.kv.heads;
  Item item{a.step.item_token[index], a.step.item_row[index], a.step.item_rows[index], 0, 0, nullptr};
  if (item.rows == 0) return;
  const int first_token = item.token + item.row / group, last_token = item.token + (item.row + item.rows - 1) / group;
  item.first = sees(a, first_token).first;
  item.last = sees(a, last_token).last;
  item.blocks = a.step.blocks + a.step.table[item.token];
  const int first_split = item.first / (kv_tile * split_tiles), last_split = item.last / (kv_tile * split_tiles);
  const bool one = grid_z() > 1;  // this block's split alone
  if (one && first_split + static_cast<int>(block_z()) > last_split) return;

  float* const split_stats = s.factors + split_tiles * width * 2;
  float* const total_stats = split_stats + width * 2;
  for (int i = static_cast<int>(thread_index()); i < width * s.padded; i += attend_threads) {
    const int row = item.row + i / s.padded, token = item.token + row / group;
    const bool own = i / s.padded < item.rows;
    s.q[i] = own ? a.q[(static_cast<int64_t>(token) * a.heads + head * group + row % group) * s.padded + i % s.padded] : 0.0f;
    s.total[i] = 0;
  }
  if (thread_index() < width) {
    total_stats[thread_index() * 2] = -INFINITY;
    total_stats[thread_index() * 2 + 1] = 0;
  }
  sync_block();
  const int begin = one ? first_split + static_cast<int>(block_z()) : first_split, end = one ? begin : last_split;
  for (int split = begin; split <= end; ++split) {
    attend_split<Type, T>(a, s, item, head, split, split_stats);
    if (one) break;
    if (thread_index() < width) {
      const int row = static_cast<int>(thread_index());
      const Fold f = fold(total_stats[row * 2], total_stats[row * 2 + 1], split_stats[row * 2], split_stats[row * 2 + 1]);
      s.factors[row * 2] = f.keep;
      s.factors[row * 2 + 1] = f.take;
    }
    sync_block();
    for (int i = static_cast<int>(thread_index()); i < width * s.padded; i += attend_threads) {
      const float* f = s.factors + i / s.padded * 2;
      s.total[i] = folded({f[0], f[1]}, s.total[i], s.acc[i]);
    }
    sync_block();
  }
  for (int i = static_cast<int>(thread_index()); i < item.rows * s.padded; i += attend_threads) {
    const int r = i / s.padded, dim = i % s.padded, row = item.row + r;
    const int64_t query = static_cast<int64_t>(item.token + row / group) * a.heads + head * group + row % group;
    if (one) {
      const int64_t part = query * a.splits + block_z();
      a.partial[part * s.padded + dim] = s.acc[i];
      if (dim < 2) a.partial_stats[part * 2 + dim] = split_stats[r * 2 + dim];
    } else if (dim < a.kv.head_dim) {
      const float sum = total_stats[r * 2 + 1];
      a.out[query * a.kv.head_dim + dim] = sum == 0.0f ? 0.0f : s.total[i] / sum;
    }
  }
}

// Folds the splits of one query, counted from the first one that its item sees. A row's own first split is the same: items of several
// tokens are split only where there is no window.
FABULA_KERNEL void fold_kernel(AttentionArgs a) {
  const int query = static_cast<int>(block_x()), token = query / a.heads;
  const RowRange range = sees(a, token);
  constexpr int split_positions = kv_tile * split_tiles;
  const int splits = range.last / split_positions - range.first / split_positions + 1;
  for (int dim = static_cast<int>(thread_index()); dim < a.kv.head_dim; dim += static_cast<int>(block_threads())) {
    float maximum = -INFINITY, sum = 0, value = 0;
    for (int split = 0; split < splits; ++split) {
      const int64_t part = static_cast<int64_t>(query) * a.splits + split;
      const Fold f = fold(maximum, sum, a.partial_stats[part * 2], a.partial_stats[part * 2 + 1]);
      value = folded(f, value, a.partial[part * a.kv.padded + dim]);
    }
    a.out[static_cast<int64_t>(query) * a.kv.head_dim + dim] = sum == 0.0f ? 0.0f : value / sum;
  }
}

template <KvType Type>
void attend_as(Device& device, const AttentionArgs& args) {
  const Grid grid{.x = static_cast<unsigned>(args.items),
                  .y = static_cast<unsigned>(args.kv.heads),
                  .z = static_cast<unsigned>(args.splits),
                  .threads = attend_threads,
                  .shared_bytes = Layout::floats(args.item_width, args.kv.padded) * sizeof(float)};
  if (args.item_width == 8) launch(device, grid, &attend_kernel<Type, 1>, args);
  else launch(device, grid, &attend_kernel<Type, 2>, args);
}

}  // namespace

size_t attend_shared_bytes(int item_width, int padded) { return Layout::floats(item_width, padded) * sizeof(float); }

void attend(Device& device, const AttentionArgs& args) {
  switch (args.kv.type) {
    case KvType::f32: attend_as<KvType::f32>(device, args); break;
    case KvType::f16: attend_as<KvType::f16>(device, args); break;
    case KvType::q8_0: attend_as<KvType::q8_0>(device, args); break;
  }
  if (args.splits > 1) launch(device, {.x = static_cast<unsigned>(args.n * args.heads), .threads = 64}, fold_kernel, args);
}

}  // namespace fabula::gpu
