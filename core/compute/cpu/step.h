// What all parts of a forward step share: the model, the workers, scratch memory laid out at load, and the batch of this step.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "core/compute/cpu/activations.h"
#include "core/compute/cpu/kv_pool.h"
#include "core/compute/cpu/phase_profile.h"
#include "core/compute/cpu/weights.h"
#include "core/compute/executor.h"

namespace fabula::compute::cpu {

inline constexpr int max_workers = max_team_threads;
inline constexpr int64_t kv_split_tokens = 128;       // a fixed size, never a fixed count (NUMERICS 5)
inline constexpr int64_t attend_rows_target = 24;     // query rows that share a KV tile in L1
inline constexpr int64_t max_partials = 2048;         // (row, split) pairs kept when splits run on several workers

// Scratch of one worker.
struct WorkerScratch {
  float* row = nullptr;      // (widest row, padded)
  float* gate = nullptr;     // (token_chunk, 32)
  float* up = nullptr;       // (token_chunk, 32)
  float* scores = nullptr;   // (attend rows, 64)
  float* acc = nullptr;      // (attend rows, head_dim_padded) of one split
  float* total = nullptr;    // (attend rows, head_dim_padded) of all splits so far
  float* maxima = nullptr;   // (2, attend rows): split, total
  float* sums = nullptr;     // (2, attend rows)
  int32_t *first = nullptr, *last = nullptr;  // (attend rows)
};

struct Scratch {
  HugeBuffer memory;
  int64_t hidden_stride = 0, qkv_stride = 0, q_stride = 0;
  float* h = nullptr;         // (tokens, hidden_stride) the residual stream; padding stays zero
  float* branch = nullptr;    // (tokens, hidden_stride) what the next residual addition adds
  float* normed = nullptr;    // (tokens, hidden_stride) for experts
  float* qkv = nullptr;       // (tokens, qkv_stride): q, k, v
  float* q = nullptr;         // (n_kv_heads, tokens, heads of a group, head_dim) after norm, rope and scale
  float* attended = nullptr;  // (tokens, q_stride)
  float* rope = nullptr;      // (ropes, tokens, 2, rotary_dim / 2 of the widest): cos, sin
  int64_t rope_half = 0;
  float* partial_acc = nullptr;   // (max_partials, head_dim_padded)
  float* partial_stats = nullptr; // (max_partials, 2)
  Activations in, attention_out, ffn;   // inputs of QKV and gate/up; of o; of down
  float* logits = nullptr;    // (max_logit_rows, vocab), padded at its end
  float* border = nullptr;    // (tokens, hidden) of a part of a model: the residual stream as it comes in, then as it goes out
  // Experts
  Activations expert_in, expert_ffn;    // (tokens * experts_per_token) rows
  float* expert_out = nullptr;          // (tokens * experts_per_token, hidden_stride)
  float* router = nullptr;              // (tokens, n_experts padded)
  int32_t* expert_of = nullptr;         // (tokens, experts_per_token), ascending
  float* expert_weight = nullptr;       // same
  int32_t* slot_of = nullptr;           // same: the row in expert_in
  int32_t* expert_begin = nullptr;      // (n_experts + 1)
  float* shared_gate = nullptr;         // (tokens)
  // The batch
  int32_t* token_sequence = nullptr;    // (tokens)
  int64_t* token_position = nullptr;    // (tokens)
  std::vector<SequenceSlice> wanted;    // room for the batch that is left after keep_wanted_rows
  WorkerScratch workers[max_workers];
};

size_t scratch_bytes(const ModelSpec& spec, const LoadOptions& options);

// Errors: out_of_memory.
Result<Scratch> make_scratch(const ModelSpec& spec, const LoadOptions& options);

// One step in flight.
struct Step {
  const ModelSpec& spec;
  const Weights& weights;
  const KernelTable& kernels;
  Team& team;
  const KvPool& kv;
  Scratch& scratch;
  PhaseProfile& profile;
  std::span<const SequenceSlice> batch;  // without the rows that nobody waits for, from keep_wanted_rows on
  const std::atomic<bool>* abandon = nullptr;
  int64_t n_tokens = 0;
  bool abandoned = false;

  // Runs run(first, end, worker) until all shards are done, unless the step was abandoned; phase: shard by shard.
  template <class Run>
  void phase_of_ranges(Phase kind, int64_t n_shards, const Run& run) {
    if (!abandoned && abandon && abandon->load(std::memory_order_relaxed)) abandoned = true;
    if (abandoned) return;
    if (!profile.on()) return team.run_ranges(n_shards, run);
    profile.begin(team);
    team.run_ranges(n_shards, run);
    profile.end(team, kind, n_shards);
  }
  template <class Run>
  void phase(Phase kind, int64_t n_shards, const Run& run) {
    phase_of_ranges(kind, n_shards, [&run](int64_t first, int64_t end, int worker) {
      for (int64_t shard = first; shard < end; ++shard) run(shard, worker);
    });
  }

  // Runs run(first, end, worker) over ranges of 0 .. n - 1; on the caller alone where `cost` elements each are too few to share.
  template <class Run>
  void spread_out(Phase kind, int64_t n, int64_t cost, const Run& run) {
    constexpr int64_t worth_sharing = 16384;  // elements: about 2 us of norm or rope, against 2 x 0.4 us of hand-over
    const int64_t per_shard = n * cost < worth_sharing ? n : (n + 15) / 16;
    const int64_t shards = n == 0 ? 0 : (n + per_shard - 1) / per_shard;
    phase(kind, shards, [&](int64_t shard, int worker) { run(shard * per_shard, std::min(n, (shard + 1) * per_shard), worker); });
  }
};

// Of a single token: workers that have nothing left to do in the phases before fetch the beginning of their own parts of `matrices`.
// Called before the last phase that reads other weights.
void read_next(Step& step, std::initializer_list<const PackedMatrix*> matrices);

// out (tokens, stride) = matrix * x (+ bias), for up to three matrices that read the same activations, in one phase.
struct LinearOutput {
  const PackedMatrix* matrix;
  const float* bias;  // or null
  float* out;
};
void linear(Step& step, Phase kind, const Activations& x, std::span<const LinearOutput> outputs, int64_t stride);

// h += residual_scale * post_norm(branch) where `add_branch`; then in = norm(h), packed for the matrices that read it.
// `keep` also receives the normed rows (tokens, hidden_stride) where not null.
struct NormWeights {
  const float *weight, *bias;
};
void residual_and_norm(Step& step, bool add_branch, const float* post_norm, NormWeights norm, const Activations& in, float* keep);

// The last layer of a part without a head: h += residual_scale * post_norm(branch), and a copy of it to scratch.border.
void hand_residual_on(Step& step, const float* post_norm);

// Writes down which row is whose, and where it stands.
void lay_out(Step& step);
// In the last layer, once every K and V is in the cache: rows whose logits nobody wants leave the batch, the others (and their
// queries) move to the front. A row's bits never depend on the rows beside it.
void keep_wanted_rows(Step& step);

void attention(Step& step, int64_t layer);      // reads scratch.in, writes scratch.branch
void feed_forward(Step& step, int64_t layer);   // reads scratch.in (and normed), writes scratch.branch
bool has_experts(const LayerWeights& layer);

}  // namespace fabula::compute::cpu
