#include "core/engine/scheduler.h"

#include <algorithm>
#include <tuple>

namespace fabula::engine {

namespace {
constexpr uint64_t patience_steps = 8;
}

void plan_step(std::span<const Runnable> runnables, const StepLimits& limits, std::vector<Planned>& plan) {
  plan.clear();
  const auto before = [&](const Planned& a, const Planned& b) {
    const auto rank = [&](const Planned& p) {
      const Runnable& r = runnables[p.index];
      const bool starving = limits.step - r.last_served > patience_steps && r.last_served > 0;
      return std::tuple(!r.decoding, !starving, -r.priority, r.last_served, p.index);
    };
    return rank(a) < rank(b);
  };
  for (size_t i = 0; i < runnables.size(); ++i) plan.push_back({i, 0});
  std::sort(plan.begin(), plan.end(), before);

  int64_t tokens_left = limits.max_batch_tokens, rows_left = limits.max_logit_rows;
  bool anyone_decodes = false;
  for (Planned& planned : plan) {
    const Runnable& r = runnables[planned.index];
    if (r.decoding) {
      anyone_decodes = true;
    } else if (anyone_decodes) {
      tokens_left = std::min(tokens_left, limits.prefill_chunk);
      anyone_decodes = false;  // the cap is taken once; prompts follow the decoders
    }
    int64_t n = std::min({r.pending, tokens_left, r.decoding ? int64_t{1} : limits.prefill_chunk});
    if (r.wants_all_rows) n = std::min(n, rows_left);
    if (!r.wants_all_rows && n == r.pending && rows_left == 0) --n;  // its last token must wait for a row
    planned.tokens = std::max<int64_t>(n, 0);
    tokens_left -= planned.tokens;
    rows_left -= r.wants_all_rows ? planned.tokens : planned.tokens == r.pending ? 1 : 0;
  }
  std::erase_if(plan, [](const Planned& planned) { return planned.tokens == 0; });
}

}  // namespace fabula::engine
