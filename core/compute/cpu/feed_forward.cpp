// The MLP of one layer: gate, up and activation in one phase, then down; or the same per chosen expert.
#include <algorithm>
#include <cstring>

#include "core/compute/cpu/step.h"

namespace fabula::compute::cpu {

namespace {

constexpr int64_t strip_rows = 32;  // intermediate rows of one strip: a block of the int8 activations that `down` reads

GateActivation kind_of(Activation activation) {
  switch (activation) {
    case Activation::silu: return GateActivation::silu;
    case Activation::gelu_tanh: return GateActivation::gelu_tanh;
    case Activation::gelu_erf: return GateActivation::gelu_erf;
    case Activation::relu: return GateActivation::relu;
  }
  return GateActivation::silu;
}

struct Mlp {
  const PackedMatrix &gate, &up, &down;  // gate may be empty: the activation is then on up
  const float *gate_bias = nullptr, *up_bias = nullptr, *down_bias = nullptr;
};

void add_bias(float* rows, const float* bias, int64_t tokens, int64_t n) {
  if (!bias) return;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t r = 0; r < n; ++r) rows[t * strip_rows + r] += bias[r];
}

// Strips first .. last - 1 of one token, or one strip of tokens begin .. end - 1 (at most token_chunk of either), packed for `down` at once.
// The gate's panels of all strips follow those of `up`: two long streams.
void strips(Step& step, const Mlp& mlp, const Activations& in, const Activations& out, int64_t first, int64_t last, int64_t begin, int64_t end,
            WorkerScratch& w) {
  const int64_t row = first * strip_rows, rows = std::min(last * strip_rows, mlp.up.rows) - row, tokens = end - begin;
  const int64_t panel = row / panel_rows, panels = (rows + panel_rows - 1) / panel_rows, taken = tokens * (last - first) * strip_rows;
  multiply(step.kernels, mlp.up, in, begin, end, panel, panels, w.up, strip_rows);
  add_bias(w.up, mlp.up_bias ? mlp.up_bias + row : nullptr, tokens, rows);
  const float* product = w.up;
  if (mlp.gate) {
    multiply(step.kernels, mlp.gate, in, begin, end, panel, panels, w.gate, strip_rows);
    add_bias(w.gate, mlp.gate_bias ? mlp.gate_bias + row : nullptr, tokens, rows);
    step.kernels.activate(w.gate, w.up, taken, kind_of(step.spec.activation));
    product = w.gate;
  } else {
    step.kernels.activate(w.up, nullptr, taken, kind_of(step.spec.activation));
  }
  for (int64_t t = begin; t < end; ++t)
    for (int64_t r = 0; r < rows; r += strip_rows, product += strip_rows)
      out.put(step.kernels, t, row + r, product, std::min(strip_rows, rows - r));
}

void read_next_layer(Step& step, int64_t layer) {
  if (layer + 1 == step.spec.n_layers) return read_next(step, {&step.weights.head});
  const LayerWeights& next = step.weights.layers[static_cast<size_t>(layer) + 1];
  read_next(step, {&next.q, &next.k, &next.v});
}

int64_t strips_of(const PackedMatrix& up) { return (up.rows + strip_rows - 1) / strip_rows; }

void dense(Step& step, const Mlp& mlp, int64_t layer) {
  Scratch& s = step.scratch;
  const int64_t n = step.n_tokens, chunks = (n + token_chunk - 1) / token_chunk, n_strips = strips_of(mlp.up);
  const Activations out = s.ffn.laid_out(mlp.up.rows, n, !mlp.down.quantised(), mlp.down.quantised());
  read_next(step, {&mlp.down});
  if (n == 1) {
    step.phase_of_ranges(Phase::gate_up, n_strips, [&](int64_t first, int64_t end, int worker) {
      for (; first < end; first += token_chunk)
        strips(step, mlp, s.in, out, first, std::min<int64_t>(end, first + token_chunk), 0, 1, s.workers[worker]);
    });
  } else {
    // A shard keeps a run of strips in L2 while tokens pass by.
    constexpr int64_t run = 2;
    const int64_t runs = (n_strips + run - 1) / run, chunk_run = std::min<int64_t>(chunks, 5), chunk_runs = (chunks + chunk_run - 1) / chunk_run;
    step.phase(Phase::gate_up, runs * chunk_runs, [&](int64_t shard, int worker) {
      const int64_t first = shard / chunk_runs * run, chunk = shard % chunk_runs * chunk_run;
      for (int64_t c = chunk; c < std::min(chunks, chunk + chunk_run); ++c)
        for (int64_t i = first; i < std::min(n_strips, first + run); ++i)
          strips(step, mlp, s.in, out, i, i + 1, c * token_chunk, std::min(n, (c + 1) * token_chunk), s.workers[worker]);
    });
  }
  read_next_layer(step, layer);
  const LinearOutput down{&mlp.down, mlp.down_bias, step.scratch.branch};
  linear(step, Phase::down, out, {&down, 1}, s.hidden_stride);
}

class Experts {
 public:
  Experts(Step& step, int64_t index)
      : step_(step), s_(step.scratch), spec_(step.spec), layer_(step.weights.layers[static_cast<size_t>(index)]), index_(index), chosen_(step.spec.experts_per_token),
        router_stride_((step.spec.n_experts + 15) / 16 * 16) {}

  void run() {
    const LinearOutput router{&layer_.router, nullptr, s_.router};
    linear(step_, Phase::route, s_.in, {&router, 1}, router_stride_);
    // Choosing and sorting is a few hundred comparisons a token: the caller alone.
    step_.phase(Phase::route, 1, [&](int64_t, int) {
      for (int64_t t = 0; t < step_.n_tokens; ++t) choose(t);
      sort_by_expert();
    });
    if (step_.abandoned) return;
    const bool quants = layer_.expert_up.front().quantised(), down_quants = layer_.expert_down.front().quantised();
    in_ = s_.expert_in.laid_out(spec_.hidden, step_.n_tokens * chosen_, !quants, quants);
    ffn_ = s_.expert_ffn.laid_out(spec_.expert_ffn, step_.n_tokens * chosen_, !down_quants, down_quants);
    step_.spread_out(Phase::route, step_.n_tokens, spec_.hidden * chosen_, [&](int64_t first, int64_t end, int) {
      for (int64_t t = first; t < end; ++t) gather(t);
    });
    up();
    down();
    if (layer_.shared_up) shared();
    step_.spread_out(Phase::route, step_.n_tokens, spec_.hidden * chosen_, [&](int64_t first, int64_t end, int) {
      for (int64_t t = first; t < end; ++t) combine(t);
    });
  }

 private:
  // Softmax over all experts, the largest ones, ties to the lowest id; kept in the order of ids, so that sums have one order.
  void choose(int64_t t) {
    float* p = s_.router + t * router_stride_;
    step_.kernels.softmax(p, spec_.n_experts, router_stride_);
    int32_t* ids = s_.expert_of + t * chosen_;
    float* weights = s_.expert_weight + t * chosen_;
    float total = 0;
    for (int64_t j = 0; j < chosen_; ++j) {
      int32_t best = -1;
      for (int32_t e = 0; e < spec_.n_experts; ++e)
        if (std::find(ids, ids + j, e) == ids + j && (best < 0 || p[e] > p[best])) best = e;
      ids[j] = best;
    }
    std::sort(ids, ids + chosen_);
    for (int64_t j = 0; j < chosen_; ++j) total += weights[j] = p[ids[j]];
    if (spec_.normalise_expert_weights && total > 0)
      for (int64_t j = 0; j < chosen_; ++j) weights[j] /= total;
  }

  void sort_by_expert() {
    int32_t* begin = s_.expert_begin;
    std::fill_n(begin, spec_.n_experts + 1, 0);
    for (int64_t i = 0; i < step_.n_tokens * chosen_; ++i) ++begin[s_.expert_of[i] + 1];
    for (int64_t e = 0; e < spec_.n_experts; ++e) begin[e + 1] += begin[e];
    for (int64_t i = step_.n_tokens * chosen_; i-- > 0;) s_.slot_of[i] = 0;
    for (int64_t e = 0; e < spec_.n_experts; ++e) {
      int32_t next = begin[e];
      for (int64_t i = 0; i < step_.n_tokens * chosen_ && next < begin[e + 1]; ++i)
        if (s_.expert_of[i] == e) s_.slot_of[i] = next++;
    }
  }

  Activations of_expert(const Activations& all, int64_t e) const {
    return all.slice(s_.expert_begin[e], s_.expert_begin[e + 1] - s_.expert_begin[e]);
  }

  void gather(int64_t t) const {
    for (int64_t j = 0; j < chosen_; ++j) {
      const int64_t e = s_.expert_of[t * chosen_ + j];
      of_expert(in_, e).put(step_.kernels, s_.slot_of[t * chosen_ + j] - s_.expert_begin[e], 0, s_.normed + t * s_.hidden_stride,
                            spec_.hidden);
    }
  }

  void up() {
    const int64_t n_strips = strips_of(layer_.expert_up.front());
    step_.phase(Phase::gate_up, spec_.n_experts * n_strips, [&](int64_t shard, int worker) {
      const int64_t e = shard / n_strips, i = shard % n_strips, n = s_.expert_begin[e + 1] - s_.expert_begin[e];
      const PackedMatrix none;
      const auto at = static_cast<size_t>(e);
      const Mlp mlp{layer_.expert_gate.empty() ? none : layer_.expert_gate[at], layer_.expert_up[at], layer_.expert_down[at]};
      for (int64_t begin = 0; begin < n; begin += token_chunk)
        strips(step_, mlp, of_expert(in_, e), of_expert(ffn_, e), i, i + 1, begin, std::min(n, begin + token_chunk), s_.workers[worker]);
    });
  }

  void down() {
    constexpr int64_t group = 4;
    const int64_t groups = (layer_.expert_down.front().n_panels() + group - 1) / group;
    step_.phase(Phase::down, spec_.n_experts * groups, [&](int64_t shard, int) {
      const int64_t e = shard / groups, panel = shard % groups * group;
      const PackedMatrix& m = layer_.expert_down[static_cast<size_t>(e)];
      const Activations x = of_expert(ffn_, e);
      if (x.n_tokens > 0)
        multiply(step_.kernels, m, x, 0, x.n_tokens, panel, std::min(group, m.n_panels() - panel),
                 s_.expert_out + s_.expert_begin[e] * s_.hidden_stride + panel * panel_rows, s_.hidden_stride);
    });
  }

  void shared() {
    if (layer_.shared_router) {
      const LinearOutput gate{&layer_.shared_router, nullptr, s_.shared_gate};
      linear(step_, Phase::route, s_.in, {&gate, 1}, 1);
    }
    dense(step_, {layer_.shared_gate, layer_.shared_up, layer_.shared_down}, index_);
  }

  void combine(int64_t t) const {
    const int64_t stride = s_.hidden_stride;
    float* branch = s_.branch + t * stride;
    if (!layer_.shared_up) {
      std::memset(branch, 0, static_cast<size_t>(stride) * 4);
    } else if (layer_.shared_router) {
      float lanes[16] = {s_.shared_gate[t], 0};  // softmax of (x, 0) is the sigmoid of x
      step_.kernels.softmax(lanes, 2, 16);
      step_.kernels.softcap(branch, stride, lanes[0], 0);
    }
    for (int64_t j = 0; j < chosen_; ++j)
      step_.kernels.add_scaled(branch, s_.expert_out + s_.slot_of[t * chosen_ + j] * stride, s_.expert_weight[t * chosen_ + j], stride);
  }

  Step& step_;
  Scratch& s_;
  const ModelSpec& spec_;
  const LayerWeights& layer_;
  const int64_t index_, chosen_, router_stride_;
  Activations in_, ffn_;
};

}  // namespace

bool has_experts(const LayerWeights& layer) { return !layer.expert_up.empty(); }

void feed_forward(Step& step, int64_t index) {
  const LayerWeights& layer = step.weights.layers[static_cast<size_t>(index)];
  if (has_experts(layer)) return Experts(step, index).run();
  dense(step, {layer.gate, layer.up, layer.down, layer.gate_bias, layer.up_bias, layer.down_bias}, index);
}

}  // namespace fabula::compute::cpu
