#include <algorithm>

#include "core/compute/carver.h"
#include "core/compute/cpu/step.h"

namespace fabula::compute::cpu {

namespace {

constexpr size_t piece_alignment = 128;  // no two pieces share a cache line or its neighbour

int64_t pad16(int64_t n) { return (n + 15) / 16 * 16; }

Activations take_activations(Carver& carver, int64_t cols, int64_t tokens) {
  Activations a;
  a.values = carver.take<float>(cols * tokens);
  const int64_t blocks = (cols / quant_block + 1) * tokens;
  for (QuantPlane* plane : {&a.coarse, &a.fine}) {
    plane->quants = carver.take<int32_t>(cols / 4 * tokens + tokens);
    plane->scales = carver.take<float>(blocks);
    plane->negated_sums = carver.take<int32_t>(3 * blocks);
  }
  a.scaled_sums = carver.take<float>(blocks);
  a.sums_stride = blocks;
  return a;
}

void take_worker(Carver& carver, const ModelSpec& spec, WorkerScratch& w) {
  const int64_t q = spec.n_heads * spec.head_dim, rows = std::max(attend_rows_target, spec.n_heads / spec.n_kv_heads);
  const int64_t padded = pad16(spec.head_dim);
  w.row = carver.take<float>(std::max({pad16(spec.hidden), pad16(q), 2 * (padded + 32)}) + 16);
  w.gate = carver.take<float>(token_chunk * 32);
  w.up = carver.take<float>(token_chunk * 32);
  w.scores = carver.take<float>(rows * kv_tile);
  w.acc = carver.take<float>(rows * padded);
  w.total = carver.take<float>(rows * padded);
  w.maxima = carver.take<float>(2 * rows);
  w.sums = carver.take<float>(2 * rows);
  w.first = carver.take<int32_t>(rows);
  w.last = carver.take<int32_t>(rows);
}

void take_experts(Carver& carver, const ModelSpec& spec, int64_t tokens, Scratch& s) {
  if (spec.n_experts == 0) return;
  const int64_t slots = tokens * spec.experts_per_token;
  s.normed = carver.take<float>(tokens * s.hidden_stride);
  s.expert_in = take_activations(carver, spec.hidden, slots);
  s.expert_ffn = take_activations(carver, spec.expert_ffn, slots);
  s.expert_out = carver.take<float>(slots * s.hidden_stride);
  s.router = carver.take<float>(tokens * pad16(spec.n_experts));
  s.expert_of = carver.take<int32_t>(slots);
  s.expert_weight = carver.take<float>(slots);
  s.slot_of = carver.take<int32_t>(slots);
  s.expert_begin = carver.take<int32_t>(spec.n_experts + 1);
  s.shared_gate = carver.take<float>(tokens);
}

size_t carve(uint8_t* base, const ModelSpec& spec, const LoadOptions& options, Scratch& s) {
  Carver carver(base, piece_alignment);
  const int64_t tokens = options.max_batch_tokens, q = spec.n_heads * spec.head_dim, kv = spec.n_kv_heads * spec.head_dim;
  s.hidden_stride = pad16(spec.hidden);
  s.q_stride = pad16(q);
  s.qkv_stride = pad16(q + 2 * kv);
  s.h = carver.take<float>(tokens * s.hidden_stride);
  s.branch = carver.take<float>(tokens * s.hidden_stride);
  s.qkv = carver.take<float>(tokens * s.qkv_stride + 16);
  s.q = carver.take<float>(tokens * s.q_stride);
  s.attended = carver.take<float>(tokens * s.q_stride + 16);
  for (const RopeTable& rope : spec.ropes) s.rope_half = std::max<int64_t>(s.rope_half, rope.rotary_dim / 2);
  s.rope = carver.take<float>(static_cast<int64_t>(spec.ropes.size()) * tokens * 2 * s.rope_half);
  s.partial_acc = carver.take<float>(max_partials * pad16(spec.head_dim));
  s.partial_stats = carver.take<float>(2 * max_partials);
  s.in = take_activations(carver, spec.hidden, std::max(tokens, options.max_logit_rows));
  s.attention_out = take_activations(carver, q, tokens);
  s.ffn = take_activations(carver, std::max(spec.ffn, spec.shared_expert_ffn), tokens);
  if (spec.has_head) s.logits = carver.take<float>(options.max_logit_rows * spec.vocab + 16);
  if (!spec.has_head || !spec.has_embedding) s.border = carver.take<float>(tokens * spec.hidden);
  take_experts(carver, spec, tokens, s);
  s.token_sequence = carver.take<int32_t>(tokens);
  s.token_position = carver.take<int64_t>(tokens);
  for (WorkerScratch& w : s.workers) take_worker(carver, spec, w);
  return carver.used_bytes();
}

}  // namespace

size_t scratch_bytes(const ModelSpec& spec, const LoadOptions& options) {
  Scratch s;
  return carve(nullptr, spec, options, s);
}

Result<Scratch> make_scratch(const ModelSpec& spec, const LoadOptions& options) {
  Scratch s;
  const size_t bytes = carve(nullptr, spec, options, s);
  FABULA_ASSIGN(s.memory, HugeBuffer::allocate(bytes, "The buffers of a step"));
  carve(s.memory.data(), spec, options, s);
  s.wanted.reserve(static_cast<size_t>(options.max_logit_rows));
  return s;
}

}  // namespace fabula::compute::cpu
