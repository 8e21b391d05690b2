// The one door to a device that computes: the CPU's shard team today, CUDA behind the same face.
// An executor holds one model's weights and its KV blocks. It knows tokens, blocks and logits; not requests, sessions or text.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/compute/model_spec.h"

namespace fabula::compute {

// Positions per KV block: a multiple of 16 (NUMERICS 5) and of the attention's KV tile, so that tiles never cross blocks.
inline constexpr int kv_block_tokens = 64;

enum class Precision : uint8_t { automatic, f32, f16, bf16, q8_0, q4_0, q4_k };
enum class KvPrecision : uint8_t { f32, f16, q8_0 };

// The names of the command line, the settings and the window: "auto", "f16", ... "q4_K" (any case). Errors: invalid_argument
// listing them.
Result<Precision> precision_from_name(std::string_view name);
Result<KvPrecision> kv_precision_from_name(std::string_view name);
std::string_view precision_name(Precision precision);
std::span<const std::string_view> precision_names();  // of every choice, "auto" first
std::string_view kv_precision_name(KvPrecision precision);

struct LoadOptions {
  Precision precision = Precision::automatic;
  KvPrecision kv_precision = KvPrecision::f16;
  int64_t context = 0;            // positions that a sequence may reach; 0: the model's own. Settles ropes (rope.h)
  int64_t kv_blocks = 0;          // how many blocks the pool holds; laid out at load
  int64_t max_batch_tokens = 512; // rows of one forward step; scratch is laid out for it
  int64_t max_logit_rows = 64;
  std::function<void(double fraction)> on_progress;  // called on the loading thread
  const std::atomic<bool>* cancel = nullptr;
  // Where copies of converted weights are kept (see cpu/packed_cache.h), and for which model. Either empty: nowhere.
  std::string packed_folder;
  std::string model_fingerprint;
  uint64_t packed_folder_bytes = uint64_t{16} << 30;  // the folder's cap; least recently used copies go first
};

// What was decided for one tensor at load (NUMERICS 10); shown by `inspect --precision` and the window.
struct TensorReport {
  std::string name;
  formats::DType stored, effective;
  bool surveyed = false;             // the three lines below were measured
  float max_abs = 0, min_abs = 0;    // largest and smallest magnitude; min_abs: of what is not 0
  double f16_flushed_share = 0, f16_overflow_share = 0;
  double relative_error = 0;  // ||w - effective(w)|| / ||w||
};

struct ExecutorInfo {
  std::string kind;            // "cpu"
  std::string isa;             // "avx512vnni"
  int threads = 1;
  uint64_t weight_bytes = 0;   // as packed
  bool weights_from_cache = false;  // read from a packed copy of an earlier load
  uint64_t weight_bytes_per_token = 0;  // read by one decode step of one sequence (experts: the active ones)
  uint64_t kv_bytes_per_token = 0;
  uint64_t kv_block_bytes = 0;
  int64_t gpu_layers = 0;      // how many of the model's layers a GPU computes
  bool kv_on_device = false;   // blocks, or a part of each, lie in a GPU's memory
  uint64_t scratch_bytes = 0;
  std::string numerics_id;     // NUMERICS 7: effective types, KV type, rope, kind, kernel revision
  std::vector<TensorReport> tensors;
};

enum class LogitRows : uint8_t { none, last, all };

// One sequence's part of a step: `tokens` stand at positions start, start + 1, ...; all earlier positions are in `blocks`.
struct SequenceSlice {
  std::span<const int32_t> tokens;
  int64_t start = 0;                 // absolute position of tokens[0]
  std::span<const int32_t> blocks;   // block ids covering positions 0 .. start + tokens.size() - 1, in order
  LogitRows logits = LogitRows::last;
  int ranked = 0;  // > 0: of each wanted row only so many of its highest logits are asked for (ranked_row), at most most_ranked()
};

// The highest logits of one row and what its probabilities are reckoned with. The order is that of the sampler: higher first, of equals
// the lower id. The spans are valid until the next forward.
struct RankedRow {
  std::span<const float> logits;
  std::span<const int32_t> ids;
  float max = 0;
  double log_sum = 0;   // log of the sum of exp(logit - max) over the whole row
  bool usable = false;  // no NaN, no +infinity, at least one finite logit; else nothing above means anything
};

struct StepStats {
  double seconds = 0;
  int workers = 0;         // threads that took part, the caller included
  uint64_t bytes_read = 0; // weights and KV
};

// Where the time of steps goes: one kind of phase, summed over layers and steps since profiling was switched on.
struct PhaseTime {
  std::string_view name;             // "qkv", "attention", ...: of static storage
  double seconds = 0;                // on the calling thread's clock, waiting for workers included
  uint64_t shards = 0;               // pieces that workers could claim
  std::vector<double> busy_seconds;  // by worker, the caller first: with a shard in hand
};

// Thread: all calls from the one engine thread, but info() and set_threads-free accessors are const and safe while no call runs.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual const ExecutorInfo& info() const = 0;

  // One step over a ragged batch. Writes K and V of every token into its block, then logits of the wanted rows in batch
  // order to logits(), or ranked_row() of slices that ask for that. sum of tokens <= max_batch_tokens, sum of rows <= max_logit_rows.
  // `abandon` is looked at before every phase: true ends the step with ErrorCode::cancelled; blocks of the step's own
  // positions then hold garbage and must not be used. No allocation on this path.
  virtual Status forward(std::span<const SequenceSlice> batch, const std::atomic<bool>* abandon) = 0;

  virtual const float* logits() const = 0;  // (rows of the last step, vocab), valid until the next forward
  virtual const StepStats& last_step() const = 0;

  // Devices that rank logits themselves hand out a few instead of whole rows. 0: slices must not ask for it.
  virtual int most_ranked() const { return 0; }
  virtual RankedRow ranked_row(int64_t row) const {  // counted as the rows of logits()
    (void)row;
    return {};
  }

  // The residual stream at the borders of a part of a model (ModelSpec::has_embedding, has_head): what comes in is written to
  // residual_in() before forward(), what goes out stands at residual_out() after it. (tokens of the step, hidden); null elsewhere.
  virtual float* residual_in() { return nullptr; }
  virtual const float* residual_out() const { return nullptr; }

  // Seconds that each worker has had a shard in hand since it was called in first; the caller stands first. They only grow,
  // until set_threads begins anew. A GPU is one worker.
  virtual std::span<const double> busy_seconds() const { return {}; }

  // Off by default; on, it costs two readings of the clock per phase. Switching on begins at zero.
  virtual void set_profiling(bool) {}
  virtual std::vector<PhaseTime> profile() const { return {}; }  // in the order of a step; kinds that never ran are left out

  // Copies the first `tokens` positions of a block (copy-on-write of the partial last block).
  virtual void copy_block(int32_t from, int32_t to, int tokens) = 0;
  // A block's bytes for the prefix store; kv_block_bytes long, the same layout on every ISA.
  virtual Status read_block(int32_t block, std::span<std::byte> out) const = 0;
  virtual Status write_block(int32_t block, std::span<const std::byte> bytes) = 0;

  // Between steps: calls run(i, worker) once for each i in 0 .. n - 1 and returns when all are done. Workers that are still awake from the
  // last step may take some, so calls run beside each other, in any order; worker, below max(1, info().threads), is unique among those
  // that run, and the caller is 0. run must not throw. No allocation.
  virtual void share_out(int64_t n, const std::function<void(int64_t i, int worker)>& run) {
    for (int64_t i = 0; i < n; ++i) run(i, 0);
  }

  // Live change of the number of workers. Never changes a result.
  virtual void set_threads(int threads) = 0;
  // Between generations the workers may sleep; called by the engine when a generation starts or ends.
  virtual void set_hot(bool hot) = 0;

  // Bytes per second at which this device can just read the weights, wherever they lie (caches or memory): what the speed of decode
  // is held against. Takes some 30 ms of the whole device; gives up with 0 soon after `interrupted` says so. 0: not known here.
  virtual double measure_read_rate(const std::function<bool()>& interrupted) {
    (void)interrupted;
    return 0;
  }
};

struct CpuOptions {
  int threads = 0;            // 0: physical cores
  std::string isa_override;   // "" or a name of the ISA list; FABULA_ISA is read by the app and passed here
};

// Reads and packs the weights (streamed: peak = packed + two tensors). `source` must live until this returns.
// Errors: cancelled, out_of_memory (named with sizes), unsupported (type or flag by name), corrupt, io.
Result<std::unique_ptr<Executor>> make_cpu_executor(const ModelSpec& spec, const formats::TensorSource& source,
                                                    const LoadOptions& load, const CpuOptions& cpu);

}  // namespace fabula::compute
