// What the parts of a step share: scratch memory on the device, laid out at load, and the tables of the step in flight.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/compute/executor.h"
#include "gpu/device/runtime.h"
#include "gpu/kernels/kernels.h"

namespace fabula::gpu {

// Most rows (token, head) x splits that are kept side by side; above, a block folds its splits itself.
inline constexpr int64_t max_partials = 32768;
inline constexpr int64_t sequences_with_tables = 64;  // that may fill the whole KV cache each

struct Scratch {
  Memory memory;
  float *h = nullptr, *branch = nullptr;          // (tokens, hidden)
  float *qkv = nullptr, *q = nullptr, *attended = nullptr;
  float *partial = nullptr, *partial_stats = nullptr;
  Rows in, attention_out, ffn;                    // inputs of QKV, gate and up, and the head; of o; of down
  float *gate = nullptr, *up = nullptr;           // (tokens, ffn)
  float* logits = nullptr;                        // (logit rows, vocab)
  float *router = nullptr, *shared_gate = nullptr, *shared = nullptr;
  float *expert_gate = nullptr, *expert_up = nullptr, *expert_out = nullptr;  // (pairs, ...)
  Rows expert_ffn;
  Routing routing;
};
uint64_t scratch_bytes(const compute::ModelSpec& spec, const compute::LoadOptions& options);
Result<Scratch> make_scratch(Device& device, const compute::ModelSpec& spec, const compute::LoadOptions& options);

int max_expert_groups(int64_t pairs, int64_t n_experts, int width);

// The tables of one step, written on the host and copied to the device in two pieces.
class Tables {
 public:
  Status allocate(Device& device, const compute::ModelSpec& spec, const compute::LoadOptions& options);
  static uint64_t bytes_of(const compute::ModelSpec& spec, const compute::LoadOptions& options);

  // Fills and uploads. item_width: rows of an attention item. Errors: invalid_argument where the block lists are longer than the table.
  Status fill(Device& device, const compute::ModelSpec& spec, std::span<const compute::SequenceSlice> batch, int item_width);

  const StepTables& on_device() const { return on_device_; }
  int n_tokens() const { return n_tokens_; }
  int n_items() const { return n_items_; }
  int n_logits() const { return n_logits_; }
  int splits() const { return splits_; }            // of the longest sequence
  int rope_half() const { return rope_half_; }

 private:
  uint64_t lay_out(uint8_t* base, bool host, const compute::ModelSpec& spec, const compute::LoadOptions& options);
  void add_slice(const compute::ModelSpec& spec, const compute::SequenceSlice& slice, int item_width);
  void add_rope(const compute::ModelSpec& spec, int64_t position);

  Memory host_, device_memory_;
  StepTables on_device_;
  int32_t *token_ = nullptr, *position_ = nullptr, *table_ = nullptr, *item_token_ = nullptr, *item_row_ = nullptr, *item_rows_ = nullptr,
          *logit_token_ = nullptr, *blocks_ = nullptr;
  float* rope_ = nullptr;
  int64_t blocks_offset_ = 0, rope_offset_ = 0, max_blocks_ = 0, n_blocks_ = 0;
  int rope_half_ = 0, n_tokens_ = 0, n_items_ = 0, n_logits_ = 0, splits_ = 0;
};

}  // namespace fabula::gpu
