#include "gpu/executor/step.h"

#include <algorithm>
#include <cmath>

#include "core/compute/carver.h"

namespace fabula::gpu {

namespace {

int64_t up_to(int64_t n, int64_t step) { return (n + step - 1) / step * step; }

constexpr size_t piece_alignment = 256;  // what the device's own allocations have

Rows take_rows(compute::Carver& carver, int64_t rows, int64_t columns) {
  Rows r;
  r.columns = static_cast<int32_t>(columns);
  r.stride = static_cast<int32_t>(up_to(columns, chunk_columns));
  r.values = carver.take<float>(rows * r.stride);
  r.bf16 = carver.take<uint16_t>(rows * r.stride);
  r.codes = carver.take<int8_t>(rows * r.stride);
  r.scales = carver.take<float>(rows * r.stride / 32);
  r.sums = carver.take<float>(rows * r.stride / 32);
  return r;
}

size_t carve(uint8_t* base, const compute::ModelSpec& spec, const compute::LoadOptions& options, Scratch& s) {
  compute::Carver carver(base, piece_alignment);
  const int64_t tokens = options.max_batch_tokens, q = spec.n_heads * spec.head_dim, kv = spec.n_kv_heads * spec.head_dim;
  const int64_t padded = up_to(spec.head_dim, 32), pairs = tokens * spec.experts_per_token, ffn = std::max(spec.ffn, spec.shared_expert_ffn);
  s.h = carver.take<float>(tokens * spec.hidden);
  s.branch = carver.take<float>(tokens * spec.hidden);
  s.qkv = carver.take<float>(tokens * (q + 2 * kv));
  s.q = carver.take<float>(tokens * spec.n_heads * padded);
  s.attended = carver.take<float>(tokens * q);
  s.partial = carver.take<float>(max_partials * padded);
  s.partial_stats = carver.take<float>(max_partials * 2);
  s.in = take_rows(carver, std::max(tokens, options.max_logit_rows), spec.hidden);
  s.attention_out = take_rows(carver, tokens, q);
  s.ffn = take_rows(carver, tokens, ffn);
  s.gate = carver.take<float>(tokens * ffn);
  s.up = carver.take<float>(tokens * ffn);
  if (spec.has_head) s.logits = carver.take<float>(options.max_logit_rows * spec.vocab);
  if (spec.n_experts == 0) return carver.used_bytes();
  s.router = carver.take<float>(tokens * spec.n_experts);
  s.shared_gate = carver.take<float>(tokens);
  s.shared = carver.take<float>(tokens * spec.hidden);
  s.expert_gate = carver.take<float>(pairs * spec.expert_ffn);
  s.expert_up = carver.take<float>(pairs * spec.expert_ffn);
  s.expert_out = carver.take<float>(pairs * spec.hidden);
  s.expert_ffn = take_rows(carver, pairs, spec.expert_ffn);
  s.routing.expert = carver.take<int32_t>(pairs);
  s.routing.weight = carver.take<float>(pairs);
  s.routing.order = carver.take<int32_t>(pairs);
  s.routing.groups = carver.take<ExpertGroup>(max_expert_groups(pairs, spec.n_experts, 8));
  return carver.used_bytes();
}

}  // namespace

// Each expert leaves at most one group that is not full, and a group has at least one pair.
int max_expert_groups(int64_t pairs, int64_t n_experts, int width) { return static_cast<int>(std::min(pairs, pairs / width + n_experts)); }

uint64_t scratch_bytes(const compute::ModelSpec& spec, const compute::LoadOptions& options) {
  Scratch s;
  return carve(nullptr, spec, options, s);
}

Result<Scratch> make_scratch(Device& device, const compute::ModelSpec& spec, const compute::LoadOptions& options) {
  Scratch s;
  FABULA_ASSIGN(s.memory, device.allocate(scratch_bytes(spec, options), "The buffers of a step"));
  carve(s.memory.data(), spec, options, s);
  return s;
}

uint64_t Tables::lay_out(uint8_t* base, bool host, const compute::ModelSpec& spec, const compute::LoadOptions& options) {
  const int64_t tokens = options.max_batch_tokens, group = spec.n_heads / spec.n_kv_heads, items = tokens * (group / 8 + 2);
  max_blocks_ = options.kv_blocks * std::min(tokens, sequences_with_tables) + tokens;
  for (const compute::RopeTable& rope : spec.ropes) rope_half_ = std::max(rope_half_, rope.rotary_dim / 2);
  compute::Carver carver(base, piece_alignment);
  int32_t* const lists[] = {carver.take<int32_t>(tokens), carver.take<int32_t>(tokens), carver.take<int32_t>(tokens),
                            carver.take<int32_t>(items),  carver.take<int32_t>(items),  carver.take<int32_t>(items),
                            carver.take<int32_t>(options.max_logit_rows)};
  blocks_offset_ = static_cast<int64_t>(carver.used_bytes());
  int32_t* const blocks = carver.take<int32_t>(max_blocks_);
  rope_offset_ = static_cast<int64_t>(carver.used_bytes());
  float* const rope = carver.take<float>(std::max<int64_t>(1, tokens * static_cast<int64_t>(spec.ropes.size()) * 2 * rope_half_));
  if (host) {
    token_ = lists[0], position_ = lists[1], table_ = lists[2], item_token_ = lists[3], item_row_ = lists[4], item_rows_ = lists[5];
    logit_token_ = lists[6], blocks_ = blocks, rope_ = rope;
  } else {
    on_device_ = {lists[0], lists[1], lists[2], blocks, rope, lists[3], lists[4], lists[5], lists[6]};
  }
  return carver.used_bytes();
}

uint64_t Tables::bytes_of(const compute::ModelSpec& spec, const compute::LoadOptions& options) {
  return Tables().lay_out(nullptr, true, spec, options);
}

Status Tables::allocate(Device& device, const compute::ModelSpec& spec, const compute::LoadOptions& options) {
  const uint64_t bytes = bytes_of(spec, options);
  FABULA_ASSIGN(host_, device.allocate_on_host(bytes, "The tables of a step"));
  FABULA_ASSIGN(device_memory_, device.allocate(bytes, "The tables of a step"));
  lay_out(host_.data(), true, spec, options);
  lay_out(device_memory_.data(), false, spec, options);
  return {};
}

void Tables::add_rope(const compute::ModelSpec& spec, int64_t position) {
  for (size_t i = 0; i < spec.ropes.size(); ++i) {
    const compute::RopeTable& rope = spec.ropes[i];
    float* cos = rope_ + (static_cast<int64_t>(n_tokens_) * static_cast<int64_t>(spec.ropes.size()) + static_cast<int64_t>(i)) * 2 * rope_half_;
    float* sin = cos + rope_half_;
    for (size_t f = 0; f < rope.inv_freq.size(); ++f) {
      const double angle = static_cast<double>(position) * rope.inv_freq[f];
      cos[f] = static_cast<float>(std::cos(angle) * rope.attention_factor);
      sin[f] = static_cast<float>(std::sin(angle) * rope.attention_factor);
    }
  }
}

void Tables::add_slice(const compute::ModelSpec& spec, const compute::SequenceSlice& slice, int item_width) {
  const auto n = static_cast<int>(slice.tokens.size());
  const int rows = n * static_cast<int>(spec.n_heads / spec.n_kv_heads);
  for (int row = 0; row < rows; row += item_width) {
    item_token_[n_items_] = n_tokens_;
    item_row_[n_items_] = row;
    item_rows_[n_items_++] = std::min(item_width, rows - row);
  }
  for (int j = 0; j < n; ++j) {
    if (slice.logits == compute::LogitRows::all || (slice.logits == compute::LogitRows::last && j + 1 == n)) logit_token_[n_logits_++] = n_tokens_;
    const int64_t position = slice.start + j;
    add_rope(spec, position);
    token_[n_tokens_] = slice.tokens[static_cast<size_t>(j)];
    position_[n_tokens_] = static_cast<int32_t>(position);
    table_[n_tokens_++] = static_cast<int32_t>(n_blocks_);
  }
  const int64_t used = (slice.start + n + kv_tile - 1) / kv_tile;
  std::copy_n(slice.blocks.begin(), used, blocks_ + n_blocks_);
  n_blocks_ += used;
  splits_ = std::max(splits_, static_cast<int>((slice.start + n - 1) / (kv_tile * split_tiles)) + 1);
}

Status Tables::fill(Device& device, const compute::ModelSpec& spec, std::span<const compute::SequenceSlice> batch, int item_width) {
  n_tokens_ = n_items_ = n_logits_ = splits_ = 0;
  n_blocks_ = 0;
  int64_t blocks = 0;
  for (const compute::SequenceSlice& slice : batch) blocks += (slice.start + static_cast<int64_t>(slice.tokens.size()) + kv_tile - 1) / kv_tile;
  if (blocks > max_blocks_)
    return Error{ErrorCode::invalid_argument, "forward: " + std::to_string(blocks) + " KV blocks in one step, at most " + std::to_string(max_blocks_)};
  for (const compute::SequenceSlice& slice : batch)
    if (!slice.tokens.empty()) add_slice(spec, slice, item_width);
  device.upload(device_memory_.data(), host_.data(), static_cast<size_t>(blocks_offset_ + n_blocks_ * 4));
  const int64_t rope_bytes = static_cast<int64_t>(n_tokens_) * static_cast<int64_t>(spec.ropes.size()) * 2 * rope_half_ * 4;
  if (rope_bytes > 0) device.upload(device_memory_.data() + rope_offset_, host_.data() + rope_offset_, static_cast<size_t>(rope_bytes));
  return {};
}

}  // namespace fabula::gpu
