// The highest logits of rows, chosen on the device.
#pragma once

#include "gpu/device/runtime.h"

namespace fabula::gpu {

inline constexpr int rank_chunk = 4096, most_ranked = 256;
constexpr int rank_chunks(int count) { return (count + rank_chunk - 1) / rank_chunk; }

// A chunk's part in its row's probabilities.
struct RankStats {
  float max, sum;  // of exp(logit - max); 0 where max is -infinity
  float unusable;  // how many are NaN or +infinity
};

struct RankArgs {
  const float* logits = nullptr;    // (n, vocab)
  int32_t n = 0, vocab = 0;
  int32_t k = 0;                    // at most most_ranked; places beyond the vocabulary get the id -1
  uint64_t* keys[2] = {};           // (n, rank_chunks(vocab), k) each
  float* values = nullptr;          // (n, k)
  int32_t* ids = nullptr;           // (n, k)
  RankStats* stats = nullptr;       // (n, rank_chunks(vocab))
};

// In the order of the sampler: higher first, of equals the lower id.
void rank(Device& device, const RankArgs& args);

}  // namespace fabula::gpu
