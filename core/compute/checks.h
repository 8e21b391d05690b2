// What every executor refuses in the same words: models whose description makes no sense, steps that do not fit.
#pragma once

#include <span>
#include <string_view>

#include "core/base/hash.h"
#include "core/compute/executor.h"

namespace fabula::compute {

// engine: "CPU", "GPU". Errors: unsupported, invalid_argument (load options).
Status check_spec(const ModelSpec& spec, const LoadOptions& load, std::string_view engine);

// Rows of logits that a slice asks for, ranked or whole.
size_t rows_of(const SequenceSlice& slice);

struct StepLimits {
  int64_t tokens = 0, logit_rows = 0, kv_blocks = 0, vocab = 0;
  int ranked = 0;  // Executor::most_ranked
};
// Errors: invalid_argument.
Status check_step(std::span<const SequenceSlice> batch, const StepLimits& limits);

// Adds what of a model's description changes bits, beyond its tensors' types, to a numerics_id (NUMERICS 7).
class NumericsId {
 public:
  NumericsId(std::string_view executor_kind, uint32_t kernel_revision, KvPrecision kv);
  void add(std::span<const TensorReport> tensors);
  void add(std::span<const RopeTable> ropes);
  void add(std::string_view text) { hash_.update(text); }
  std::string finish();

 private:
  Sha256 hash_;
};

}  // namespace fabula::compute
