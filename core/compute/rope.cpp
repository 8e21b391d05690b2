#include "core/compute/rope.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fabula::compute {

namespace {

// theta grows so that the slowest frequency just spans the longer context.
void stretch_ntk(RopeTable& rope, int64_t context) {
  const double dim = rope.rotary_dim, ratio = static_cast<double>(context) / static_cast<double>(rope.short_context);
  const double theta = rope.ntk_theta * std::pow(rope.ntk_factor * ratio - (rope.ntk_factor - 1.0), dim / (dim - 2.0));
  for (size_t i = 0; i < rope.inv_freq.size(); ++i) rope.inv_freq[i] = 1.0 / std::pow(theta, static_cast<double>(2 * i) / dim);
}

}  // namespace

RopeTable settled_rope(RopeTable rope, int64_t context) {
  if (rope.short_context > 0 && context > rope.short_context) {
    if (!rope.inv_freq_long.empty()) rope.inv_freq = std::move(rope.inv_freq_long);
    else if (rope.ntk_factor > 0.0) stretch_ntk(rope, context);
  }
  rope.inv_freq_long.clear();
  rope.ntk_factor = rope.ntk_theta = 0.0;
  rope.short_context = 0;
  return rope;
}

int64_t original_context(const ModelSpec& spec) {
  int64_t context = spec.context_length;
  for (const RopeTable& rope : spec.ropes)
    if (rope.short_context > 0) context = std::min(context, rope.short_context);
  return context;
}

}  // namespace fabula::compute
