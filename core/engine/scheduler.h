// Which sequences take part in the next step, and with how many tokens: a pure function. What it decides
// changes when tokens come, never which (NUMERICS 8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fabula::engine {

struct Runnable {
  int64_t pending = 0;          // tokens whose K and V are not there yet, at least 1
  bool decoding = false;        // its prompt is read; pending is 1
  bool wants_all_rows = false;  // logits of every pending token, not of the last alone
  int priority = 0;             // higher first
  uint64_t last_served = 0;     // step that it took part in last; 0: none
};

struct StepLimits {
  int64_t max_batch_tokens = 512;
  int64_t max_logit_rows = 64;
  int64_t prefill_chunk =
      256;  // per sequence; and of all together while somebody decodes, which bounds the wait for a token
  uint64_t step = 1;  // number of the step to plan
};

struct Planned {
  size_t index = 0;  // into the runnables
  int64_t tokens = 0;
};

// Everyone who decodes gets a token. Prompts share what is left: by priority, then whoever was served longest
// ago; who has waited for 8 steps comes first whatever its priority.
void plan_step(std::span<const Runnable> runnables, const StepLimits& limits, std::vector<Planned>& plan);

}  // namespace fabula::engine
