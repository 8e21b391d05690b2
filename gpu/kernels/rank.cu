// The highest logits of each row, in the order of the sampler: higher first, of equals the lower id. Chunks of 4,096 are sorted side by
// side in shared memory; the heads of the sorted chunks are sorted in the same way until one chunk is left. A logit and its id are one
// 64-bit key, so that the order is total and one comparison decides; no atomics.
//
// A row of 128,256 is 32 blocks, then their 32 heads of 64 or 256 keys: 78 passes over shared memory each, some 10 us; against 20 us of
// PCIe 5 for the whole row and 0.2 ms in which the CPU would look through it.
#include "gpu/device/intrinsics.h"
#include "gpu/device/launch.h"
#include "gpu/kernels/rank.h"

namespace fabula::gpu {

namespace {

constexpr int rank_threads = 512;

// As block_sum.
FABULA_DEVICE inline float block_max(float value, float* scratch) {
  value = warp_max(value);
  sync_block();
  if (lane_index() == 0) scratch[warp_index()] = value;
  sync_block();
  float top = scratch[0];
  for (unsigned w = 1; w < warp_count(); ++w) top = scratch[w] > top ? scratch[w] : top;
  return top;
}

// Unsigned order is the order of the floats; the two zeros are one.
FABULA_DEVICE inline uint64_t key_of(float logit, int id) {
  const uint32_t bits = logit == 0.0f ? 0u : float_to_bits(logit);
  const uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return static_cast<uint64_t>(ordered) << 32 | (0xffffffffu - static_cast<uint32_t>(id));
}
FABULA_DEVICE inline int id_of(uint64_t key) { return static_cast<int>(0xffffffffu - static_cast<uint32_t>(key & 0xffffffffu)); }

// Descending, by the whole block (Batcher's bitonic sort): rank_chunk keys in shared memory. All threads call it.
FABULA_DEVICE inline void sort_chunk(uint64_t* keys) {
  for (int run = 2; run <= rank_chunk; run *= 2)
    for (int apart = run / 2; apart > 0; apart /= 2) {
      for (int i = static_cast<int>(thread_index()); i < rank_chunk / 2; i += rank_threads) {
        const int low = (i & ~(apart - 1)) * 2 + (i & (apart - 1)), high = low + apart;
        const bool descending = (low & run) == 0;
        const uint64_t a = keys[low], b = keys[high];
        if (descending ? a < b : a > b) {
          keys[low] = b;
          keys[high] = a;
        }
      }
      sync_block();
    }
}

FABULA_DEVICE inline void write_head(const uint64_t* keys, const RankArgs& a, int row, int chunk, int chunks, uint64_t* to) {
  for (int i = static_cast<int>(thread_index()); i < a.k; i += rank_threads) to[(static_cast<int64_t>(row) * chunks + chunk) * a.k + i] = keys[i];
}

// One chunk of logits: its head, and what the row's probabilities are reckoned with.
FABULA_KERNEL void FABULA_LAUNCH_BOUNDS(rank_threads) rank_logits_kernel(RankArgs a, uint64_t* to) {
  uint64_t* const keys = reinterpret_cast<uint64_t*>(shared_memory());
  float* const scratch = reinterpret_cast<float*>(keys + rank_chunk);
  const int chunk = static_cast<int>(block_x()), row = static_cast<int>(block_y());
  const float* x = a.logits + static_cast<int64_t>(row) * a.vocab;
  float top = -INFINITY, bad = 0;
  for (int i = static_cast<int>(thread_index()); i < rank_chunk; i += rank_threads) {
    const int id = chunk * rank_chunk + i;
    const float logit = id < a.vocab ? x[id] : -INFINITY;
    keys[i] = id < a.vocab ? key_of(logit, id) : 0;
    top = logit > top ? logit : top;
    bad += logit < INFINITY ? 0.0f : 1.0f;  // NaN compares with nothing
  }
  top = block_max(top, scratch);
  bad = block_sum(bad, scratch);
  float sum = 0;
  if (top > -INFINITY && bad == 0)
    for (int i = static_cast<int>(thread_index()); i < rank_chunk; i += rank_threads) {
      const int id = chunk * rank_chunk + i;
      if (id < a.vocab) sum += exponential(x[id] - top);
    }
  sum = block_sum(sum, scratch);
  if (thread_index() == 0) a.stats[static_cast<int64_t>(row) * rank_chunks(a.vocab) + chunk] = {top, sum, bad};
  sort_chunk(keys);
  write_head(keys, a, row, chunk, rank_chunks(a.vocab), to);
}

// One chunk of the heads of sorted chunks: (rows, count) keys.
FABULA_KERNEL void FABULA_LAUNCH_BOUNDS(rank_threads) rank_keys_kernel(RankArgs a, const uint64_t* from, int count, uint64_t* to) {
  uint64_t* const keys = reinterpret_cast<uint64_t*>(shared_memory());
  const int chunk = static_cast<int>(block_x()), row = static_cast<int>(block_y());
  for (int i = static_cast<int>(thread_index()); i < rank_chunk; i += rank_threads) {
    const int at = chunk * rank_chunk + i;
    keys[i] = at < count ? from[static_cast<int64_t>(row) * count + at] : 0;
  }
  sync_block();
  sort_chunk(keys);
  write_head(keys, a, row, chunk, rank_chunks(count), to);
}

FABULA_KERNEL void rank_out_kernel(RankArgs a, const uint64_t* keys) {
  const int row = static_cast<int>(block_x());
  for (int i = static_cast<int>(thread_index()); i < a.k; i += static_cast<int>(block_threads())) {
    const int64_t at = static_cast<int64_t>(row) * a.k + i;
    const int id = id_of(keys[at]);
    const bool is_one = i < a.vocab;
    a.ids[at] = is_one ? id : -1;
    a.values[at] = is_one ? a.logits[static_cast<int64_t>(row) * a.vocab + id] : -INFINITY;
  }
}

}  // namespace

void rank(Device& device, const RankArgs& args) {
  if (args.n == 0) return;
  int count = args.vocab, chunks = rank_chunks(count);
  const auto grid = [&] {
    return Grid{.x = static_cast<unsigned>(chunks),
                .y = static_cast<unsigned>(args.n),
                .threads = rank_threads,
                .shared_bytes = rank_chunk * sizeof(uint64_t) + rank_threads / warp_size * sizeof(float)};
  };
  uint64_t *from = args.keys[0], *to = args.keys[1];
  launch(device, grid(), rank_logits_kernel, args, from);
  while (chunks > 1) {
    count = chunks * args.k;
    chunks = rank_chunks(count);
    launch(device, grid(), rank_keys_kernel, args, from, count, to);
    uint64_t* const written = to;
    to = from;
    from = written;
  }
  launch(device, {.x = static_cast<unsigned>(args.n), .threads = 256}, rank_out_kernel, args, from);
}

}  // namespace fabula::gpu
