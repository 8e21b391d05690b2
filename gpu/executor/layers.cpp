#include "gpu/executor/layers.h"

#include <algorithm>

namespace fabula::gpu {

namespace {

// `all` with the forms that these matrices read.
Rows forms_for(Rows all, int64_t columns, std::initializer_list<const Matrix*> readers) {
  bool values = false, bf16 = false, codes = false;
  for (const Matrix* m : readers) {
    if (m->rows == 0) continue;
    values = values || m->type == WeightType::f32 || m->type == WeightType::f16;
    bf16 = bf16 || m->type == WeightType::bf16;
    codes = codes || !is_float(m->type);
  }
  if (!values) all.values = nullptr;
  if (!bf16) all.bf16 = nullptr;
  if (!codes) all.codes = nullptr;
  all.columns = static_cast<int32_t>(columns);
  all.stride = static_cast<int32_t>((columns + chunk_columns - 1) / chunk_columns * chunk_columns);
  return all;
}

NormKind kind_of(const compute::ModelSpec& spec) { return spec.norm == compute::NormKind::rms ? NormKind::rms : NormKind::layer; }

GateKind kind_of(compute::Activation activation) {
  switch (activation) {
    case compute::Activation::silu: return GateKind::silu;
    case compute::Activation::gelu_tanh: return GateKind::gelu_tanh;
    case compute::Activation::gelu_erf: return GateKind::gelu_erf;
    case compute::Activation::relu: return GateKind::relu;
  }
  return GateKind::silu;
}

Rows input_of_attention(const Scratch& s, const compute::ModelSpec& spec, const LayerWeights& w) {
  return forms_for(s.in, spec.hidden, {&w.q, &w.k, &w.v});
}

Rows input_of_feed_forward(const Scratch& s, const compute::ModelSpec& spec, const LayerWeights& w) {
  return forms_for(s.in, spec.hidden, {&w.gate, &w.up, &w.router, &w.expert_gate, &w.expert_up, &w.shared_gate, &w.shared_up, &w.shared_router});
}

}  // namespace

// Matrices of one type and one cut go in one launch.
void Step::project(const Rows& x, int n, std::initializer_list<Output> outputs) const {
  LinearArgs args;
  args.x = x;
  args.n = n;
  for (const Output& o : outputs) {
    if (o.matrix->rows == 0) continue;
    if (args.count > 0 && (args.matrix[0].type != o.matrix->type || args.matrix[0].ranges != o.matrix->ranges)) {
      linear(device, args);
      args.count = 0;
    }
    args.matrix[args.count] = *o.matrix;
    args.out[args.count] = o.out;
    args.bias[args.count] = o.bias;
    args.out_stride[args.count++] = static_cast<int32_t>(o.stride);
  }
  linear(device, args);
}

void Step::norm(const float* branch, const float* post, const float* weight, const float* bias, const Rows& out, const int32_t* rows,
                int n) const {
  NormArgs args;
  args.h = scratch.h;
  args.branch = branch;
  args.post_weight = post;
  args.weight = weight;
  args.bias = bias;
  args.kind = kind_of(spec);
  args.epsilon = spec.norm_epsilon;
  args.residual_scale = spec.residual_scale;
  args.rows = rows;
  args.n = n;
  args.out = out;
  residual_norm(device, args);
}

void Step::begin() const {
  enter(Phase::embed);
  if (!spec.has_embedding) return device.upload(scratch.h, border, static_cast<size_t>(tables.n_tokens() * spec.hidden) * sizeof(float));
  embed(device, weights.embedding, tables.on_device().token, tables.n_tokens(), spec.embedding_scale, scratch.h);
}

void Step::layer(size_t index) const {
  const LayerWeights& w = weights.layers[index];
  enter(Phase::norm);
  const LayerWeights* before = index > 0 ? &weights.layers[index - 1] : nullptr;
  norm(before ? scratch.branch : nullptr, before ? before->post_ffn_norm : nullptr, w.attention_norm, w.attention_norm_bias,
       input_of_attention(scratch, spec, w), nullptr, tables.n_tokens());
  attention(index);
  enter(Phase::norm);
  norm(scratch.branch, w.post_attention_norm, w.ffn_norm, w.ffn_norm_bias, input_of_feed_forward(scratch, spec, w), nullptr, tables.n_tokens());
  feed_forward(w);
}

void Step::attention(size_t index) const {
  const LayerWeights& w = weights.layers[index];
  const compute::LayerSpec& layer = spec.layers[index];
  const int n = tables.n_tokens();
  const int64_t q = spec.n_heads * spec.head_dim, kv_width = spec.n_kv_heads * spec.head_dim, stride = q + 2 * kv_width;
  enter(Phase::qkv);
  project(input_of_attention(scratch, spec, w), n,
          {{&w.q, scratch.qkv, w.q_bias, stride}, {&w.k, scratch.qkv + q, w.k_bias, stride}, {&w.v, scratch.qkv + q + kv_width, w.v_bias, stride}});
  enter(Phase::keep);
  PrepareArgs prepare;
  prepare.kv = kv;
  prepare.step = tables.on_device();
  prepare.qkv = scratch.qkv;
  prepare.q = scratch.q;
  prepare.q_norm = w.q_norm;
  prepare.k_norm = w.k_norm;
  prepare.n = n;
  prepare.layer = static_cast<int32_t>(index);
  prepare.heads = static_cast<int32_t>(spec.n_heads);
  prepare.norm_per_head = spec.qk_norm_per_head;
  prepare.interleaved = spec.rope_pairing == compute::RopePairing::interleaved;
  prepare.rope = layer.rope;
  prepare.rotary_half = layer.rope >= 0 ? spec.ropes[static_cast<size_t>(layer.rope)].rotary_dim / 2 : 0;
  prepare.rope_half = tables.rope_half();
  prepare.ropes = static_cast<int32_t>(spec.ropes.size());
  prepare.epsilon = spec.norm_epsilon;
  prepare.scale = spec.attention_scale;
  prepare_attention(device, prepare);

  enter(Phase::attention);
  AttentionArgs args;
  args.kv = kv;
  args.step = tables.on_device();
  args.q = scratch.q;
  args.out = scratch.attended;
  args.partial = scratch.partial;
  args.partial_stats = scratch.partial_stats;
  args.items = tables.n_items();
  args.n = n;
  args.layer = static_cast<int32_t>(index);
  args.heads = static_cast<int32_t>(spec.n_heads);
  args.window = static_cast<int32_t>(std::min<int64_t>(layer.sliding_window, INT32_MAX));
  args.splits = args.window == 0 || one_token_each ? splits : 1;
  args.softcap = spec.attention_softcap;
  args.item_width = item_width;
  attend(device, args);
  const Rows out = forms_for(scratch.attention_out, q, {&w.o});
  enter(Phase::pack);
  pack_rows(device, scratch.attended, n, out);
  enter(Phase::o);
  project(out, n, {{&w.o, scratch.branch, w.o_bias, spec.hidden}});
}

void Step::feed_forward(const LayerWeights& w) const {
  if (w.expert_up.rows > 0) experts(w);
  else dense(w.gate, w.up, w.down, &w, scratch.branch);
}

void Step::dense(const Matrix& gate, const Matrix& up, const Matrix& down, const LayerWeights* biases, float* out) const {
  const int n = tables.n_tokens();
  const int64_t ffn = up.rows;
  const Rows in = forms_for(scratch.in, spec.hidden, {&gate, &up});
  enter(Phase::gate_up);
  project(in, n, {{&gate, scratch.gate, biases ? biases->gate_bias : nullptr, ffn}, {&up, scratch.up, biases ? biases->up_bias : nullptr, ffn}});
  const Rows product = forms_for(scratch.ffn, ffn, {&down});
  activate(device, gate.rows > 0 ? scratch.gate : nullptr, scratch.up, n, kind_of(spec.activation), product);
  enter(Phase::down);
  project(product, n, {{&down, out, biases ? biases->down_bias : nullptr, spec.hidden}});
}

void Step::expert_product(const Matrix& matrix, const Rows& x, float* out, int pairs_per_row, int groups) const {
  LinearArgs args;
  args.matrix[0] = matrix;
  args.out[0] = out;
  args.out_stride[0] = matrix.rows;
  args.count = 1;
  args.x = x;
  args.n = groups;
  args.groups = scratch.routing.groups;
  args.order = scratch.routing.order;
  args.group_width = tables.n_tokens() <= 16 ? 8 : 32;
  args.pairs_per_row = pairs_per_row;
  linear(device, args);
}

void Step::experts(const LayerWeights& w) const {
  const int n = tables.n_tokens(), chosen = static_cast<int>(spec.experts_per_token), pairs = n * chosen;
  const Rows in = input_of_feed_forward(scratch, spec, w);
  enter(Phase::route);
  project(in, n, {{&w.router, scratch.router, nullptr, spec.n_experts}});
  Routing routing = scratch.routing;
  routing.width = n <= 16 ? 8 : 32;
  routing.max_groups = max_expert_groups(pairs, spec.n_experts, routing.width);
  route(device, scratch.router, n, static_cast<int32_t>(spec.n_experts), chosen, spec.normalise_expert_weights, routing);
  const bool gated = w.expert_gate.rows > 0;
  enter(Phase::gate_up);
  if (gated) expert_product(w.expert_gate, in, scratch.expert_gate, chosen, routing.max_groups);
  expert_product(w.expert_up, in, scratch.expert_up, chosen, routing.max_groups);
  const Rows product = forms_for(scratch.expert_ffn, spec.expert_ffn, {&w.expert_down});
  activate(device, gated ? scratch.expert_gate : nullptr, scratch.expert_up, pairs, kind_of(spec.activation), product);
  enter(Phase::down);
  expert_product(w.expert_down, product, scratch.expert_out, 1, routing.max_groups);
  const bool shared = w.shared_up.rows > 0, shared_gate = w.shared_router.rows > 0;
  if (shared) dense(w.shared_gate, w.shared_up, w.shared_down, nullptr, scratch.shared);
  if (shared && shared_gate) project(in, n, {{&w.shared_router, scratch.shared_gate, nullptr, 1}});
  enter(Phase::route);
  combine_experts(device, {.expert_out = scratch.expert_out,
                           .weight = scratch.routing.weight,
                           .shared = shared ? scratch.shared : nullptr,
                           .shared_gate = shared && shared_gate ? scratch.shared_gate : nullptr,
                           .branch = scratch.branch,
                           .n = n,
                           .chosen = chosen,
                           .hidden = static_cast<int32_t>(spec.hidden)});
}

// The residual and no norm: nobody reads its forms.
void Step::hand_on() const {
  enter(Phase::norm);
  Rows nowhere;
  nowhere.columns = static_cast<int32_t>(spec.hidden);
  norm(scratch.branch, weights.layers.back().post_ffn_norm, nullptr, nullptr, nowhere, nullptr, tables.n_tokens());
  device.download(border, scratch.h, static_cast<size_t>(tables.n_tokens() * spec.hidden) * sizeof(float));
}

void Step::head() const {
  if (tables.n_logits() == 0) return;
  enter(Phase::head);
  const LayerWeights* last = weights.layers.empty() ? nullptr : &weights.layers.back();
  const int n = tables.n_logits();
  const Rows in = forms_for(scratch.in, spec.hidden, {&weights.head});
  norm(last ? scratch.branch : nullptr, last ? last->post_ffn_norm : nullptr, weights.final_norm, weights.final_norm_bias, in,
       tables.on_device().logit_token, n);
  project(in, n, {{&weights.head, scratch.logits, weights.head_bias, spec.vocab}});
  if (spec.logit_scale != 1.0f || spec.final_softcap != 0.0f)
    finish_logits(device, scratch.logits, static_cast<int64_t>(n) * spec.vocab, spec.logit_scale, spec.final_softcap);
  if (ranked > 0) ranking->run(device, scratch.logits, n, ranked);
}

}  // namespace fabula::gpu
