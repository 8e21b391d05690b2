#include <algorithm>
#include <cstring>

#include "core/compute/cpu/step.h"

namespace fabula::compute::cpu {

namespace {

// Tokens of one shard: enough to reuse the panels from L2, few enough that a prompt gives every worker several shards.
constexpr int64_t shard_tokens = 5 * token_chunk;

void normalise(const Step& step, const float* x, NormWeights norm, float* out) {
  const ModelSpec& spec = step.spec;
  const int64_t n = step.scratch.hidden_stride;
  if (!norm.weight) {
    std::memcpy(out, x, static_cast<size_t>(n) * 4);
  } else if (spec.norm == NormKind::rms) {
    step.kernels.rms_norm(x, norm.weight, spec.norm_epsilon, spec.hidden, n, out);
  } else {
    step.kernels.layer_norm(x, norm.weight, norm.bias, spec.norm_epsilon, spec.hidden, n, out);
  }
}

}  // namespace

void linear(Step& step, Phase kind, const Activations& x, std::span<const LinearOutput> outputs, int64_t stride) {
  int64_t total_panels = 0;
  for (const LinearOutput& o : outputs) total_panels += o.matrix->n_panels();
  // Eight shards a worker in decode, or as many as there are groups of four panels.
  const int64_t wanted = total_panels / (int64_t{8} * step.team.threads());
  const int64_t group = x.n_tokens > 1 ? 4 : std::clamp<int64_t>(wanted / 4 * 4, 4, 64);
  const int64_t chunks = (x.n_tokens + shard_tokens - 1) / shard_tokens;
  int64_t groups = 0;
  for (const LinearOutput& o : outputs) groups += (o.matrix->n_panels() + group - 1) / group;
  step.phase(kind, groups * chunks, [&](int64_t shard, int) {
    const int64_t begin = shard % chunks * shard_tokens, end = std::min(x.n_tokens, begin + shard_tokens);
    int64_t index = shard / chunks;
    const LinearOutput* o = outputs.data();
    for (;; ++o) {
      const int64_t own = (o->matrix->n_panels() + group - 1) / group;
      if (index < own) break;
      index -= own;
    }
    const int64_t panel = index * group, n_panels = std::min(group, o->matrix->n_panels() - panel);
    float* out = o->out + begin * stride + panel * panel_rows;
    multiply(step.kernels, *o->matrix, x, begin, end, panel, n_panels, out, stride);
    if (!o->bias) return;
    const int64_t rows = std::min(n_panels * panel_rows, o->matrix->rows - panel * panel_rows);
    for (int64_t t = begin; t < end; ++t, out += stride)
      for (int64_t r = 0; r < rows; ++r) out[r] += o->bias[panel * panel_rows + r];
  });
}

void residual_and_norm(Step& step, bool add_branch, const float* post_norm, NormWeights norm, const Activations& in, float* keep) {
  Scratch& s = step.scratch;
  const int64_t stride = s.hidden_stride, hidden = step.spec.hidden;
  step.spread_out(Phase::norm, in.n_tokens, hidden, [&](int64_t first, int64_t end, int worker) {
    float* row = s.workers[worker].row;
    for (int64_t t = first; t < end; ++t) {
      float* h = s.h + t * stride;
      if (add_branch) {
        float* branch = s.branch + t * stride;
        if (post_norm) normalise(step, branch, {post_norm, nullptr}, branch);
        step.kernels.add_scaled(h, branch, step.spec.residual_scale, stride);
      }
      float* normed = keep ? keep + t * stride : row;
      normalise(step, h, norm, normed);
      in.put(step.kernels, t, 0, normed, hidden);
    }
  });
}

}  // namespace fabula::compute::cpu
