#include <algorithm>
#include <cstring>

#include "core/compute/cpu/step.h"

namespace fabula::compute::cpu {

namespace {

// Tokens of one shard: enough to reuse the panels from L2, few enough that a prompt gives every worker several shards.
constexpr int64_t shard_tokens = 5 * token_chunk;
constexpr int64_t panels_together = 4;  // that a float kernel reads side by side for one token

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

void add_branch_to_row(Step& step, int64_t row, const float* post_norm) {
  float* branch = step.scratch.branch + row * step.scratch.hidden_stride;
  if (post_norm) normalise(step, branch, {post_norm, nullptr}, branch);
  step.kernels.add_scaled(step.scratch.h + row * step.scratch.hidden_stride, branch, step.spec.residual_scale, step.scratch.hidden_stride);
}

int64_t groups_of(const PackedMatrix& m) { return (m.n_panels() + panels_together - 1) / panels_together; }

}  // namespace

void read_next(Step& step, std::initializer_list<const PackedMatrix*> matrices) {
  if (step.n_tokens != 1) return;
  int64_t shards = 0;
  for (const PackedMatrix* m : matrices) shards += groups_of(*m);
  for (int worker = 1; worker < step.team.threads(); ++worker) {
    int64_t first = shards * worker / step.team.threads();
    for (const PackedMatrix* m : matrices) {
      if (first < groups_of(*m)) {
        step.team.fetch_meanwhile(worker, m->panels + first * panels_together * m->panel_bytes);
        break;
      }
      first -= groups_of(*m);
    }
  }
}

void linear(Step& step, Phase kind, const Activations& x, std::span<const LinearOutput> outputs, int64_t stride) {
  const auto product = [&](const LinearOutput& o, int64_t panel, int64_t end_panel, int64_t begin, int64_t end) {
    float* out = o.out + begin * stride + panel * panel_rows;
    multiply(step.kernels, *o.matrix, x, begin, end, panel, end_panel - panel, out, stride);
    if (!o.bias) return;
    const int64_t rows = std::min(end_panel * panel_rows, o.matrix->rows) - panel * panel_rows;
    for (int64_t t = begin; t < end; ++t, out += stride)
      for (int64_t r = 0; r < rows; ++r) out[r] += o.bias[panel * panel_rows + r];
  };
  const int64_t chunks = (x.n_tokens + shard_tokens - 1) / shard_tokens;
  int64_t shards = 0;
  for (const LinearOutput& o : outputs) shards += groups_of(*o.matrix) * chunks;
  step.phase_of_ranges(kind, shards, [&](int64_t first, int64_t end, int) {
    for (const LinearOutput& o : outputs) {
      const int64_t own = groups_of(*o.matrix) * chunks, from = std::clamp<int64_t>(first, 0, own), to = std::clamp<int64_t>(end, 0, own);
      first -= own;
      end -= own;
      if (x.n_tokens == 1) {  // one stream of panels for as long as it goes
        if (from < to) product(o, from * panels_together, std::min(to * panels_together, o.matrix->n_panels()), 0, 1);
        continue;
      }
      for (int64_t shard = from; shard < to; ++shard) {
        const int64_t panel = shard / chunks * panels_together, token = shard % chunks * shard_tokens;
        product(o, panel, std::min(panel + panels_together, o.matrix->n_panels()), token, std::min(x.n_tokens, token + shard_tokens));
      }
    }
  });
}

void residual_and_norm(Step& step, bool add_branch, const float* post_norm, NormWeights norm, const Activations& in, float* keep) {
  Scratch& s = step.scratch;
  const int64_t stride = s.hidden_stride, hidden = step.spec.hidden;
  step.spread_out(Phase::norm, in.n_tokens, hidden, [&](int64_t first, int64_t end, int worker) {
    float* row = s.workers[worker].row;
    for (int64_t t = first; t < end; ++t) {
      float* h = s.h + t * stride;
      if (add_branch) add_branch_to_row(step, t, post_norm);
      float* normed = keep ? keep + t * stride : row;
      normalise(step, h, norm, normed);
      in.put(step.kernels, t, 0, normed, hidden);
    }
  });
}

void hand_residual_on(Step& step, const float* post_norm) {
  Scratch& s = step.scratch;
  const int64_t hidden = step.spec.hidden;
  step.spread_out(Phase::norm, step.n_tokens, hidden, [&](int64_t first, int64_t end, int) {
    for (int64_t t = first; t < end; ++t) {
      add_branch_to_row(step, t, post_norm);
      std::copy_n(s.h + t * s.hidden_stride, hidden, s.border + t * hidden);
    }
  });
}

}  // namespace fabula::compute::cpu
