#include "core/compute/checks.h"

namespace fabula::compute {

namespace {

// Empty: nothing is wrong.
std::string what_is_wrong(const ModelSpec& spec) {
  if (spec.hidden <= 0 || spec.vocab <= 0 || spec.head_dim <= 0 || spec.n_heads <= 0 || spec.n_kv_heads <= 0 ||
      spec.n_heads % spec.n_kv_heads != 0)
    return "its sizes make no sense (heads " + std::to_string(spec.n_heads) + ", KV heads " + std::to_string(spec.n_kv_heads) + ", head size " +
           std::to_string(spec.head_dim) + ", hidden " + std::to_string(spec.hidden) + ")";
  if (spec.head_dim > 1024) return "a head size of " + std::to_string(spec.head_dim);
  if (static_cast<int64_t>(spec.layers.size()) != spec.n_layers) return "its layers are not all described";
  if ((spec.has_embedding && !spec.embedding) || (spec.has_head && !spec.head)) return "it has no embedding or no output matrix";
  for (size_t i = 0; i < spec.layers.size(); ++i) {
    const LayerSpec& layer = spec.layers[i];
    const std::string where = "layer " + std::to_string(i) + " ";
    if (!layer.q || !layer.k || !layer.v || !layer.o) return where + "has no attention matrices";
    const bool experts = !layer.expert_up.empty();
    if (experts && (!layer.router || static_cast<int64_t>(layer.expert_up.size()) != spec.n_experts ||
                    layer.expert_down.size() != layer.expert_up.size() || spec.experts_per_token <= 0 ||
                    spec.experts_per_token > spec.n_experts || (!layer.expert_gate.empty() && layer.expert_gate.size() != layer.expert_up.size())))
      return where + "does not describe its experts";
    if (!experts && (!layer.up || !layer.down)) return where + "has no feed-forward matrices";
    if (layer.rope >= static_cast<int>(spec.ropes.size())) return where + "names a position embedding that is not described";
  }
  for (const RopeTable& rope : spec.ropes)
    if (rope.rotary_dim < 0 || rope.rotary_dim > spec.head_dim || static_cast<int>(rope.inv_freq.size()) != rope.rotary_dim / 2 ||
        (!rope.inv_freq_long.empty() && rope.inv_freq_long.size() != rope.inv_freq.size()))
      return "its rotary dimensions do not fit its heads";
  return {};
}

Error refused(const std::string& why) { return {ErrorCode::invalid_argument, "forward: " + why}; }

}  // namespace

Status check_spec(const ModelSpec& spec, const LoadOptions& load, std::string_view engine) {
  if (load.kv_blocks <= 0 || load.max_batch_tokens <= 0 || load.max_logit_rows <= 0)
    return Error{ErrorCode::invalid_argument, "load options: kv_blocks, max_batch_tokens and max_logit_rows must be positive"};
  const std::string wrong = what_is_wrong(spec);
  if (wrong.empty()) return {};
  return Error{ErrorCode::unsupported, "the " + std::string(engine) + " engine cannot run this model: " + wrong};
}

size_t rows_of(const SequenceSlice& slice) {
  return slice.logits == LogitRows::all ? slice.tokens.size() : slice.logits == LogitRows::last && !slice.tokens.empty() ? 1 : 0;
}

Status check_step(std::span<const SequenceSlice> batch, const StepLimits& limits) {
  int64_t tokens = 0, rows = 0;
  for (const SequenceSlice& slice : batch) {
    const auto n = static_cast<int64_t>(slice.tokens.size());
    tokens += n;
    rows += static_cast<int64_t>(rows_of(slice));
    if (slice.ranked < 0 || slice.ranked > limits.ranked) return refused("rows ranked to " + std::to_string(slice.ranked) + " places");
    if (slice.start < 0 || static_cast<int64_t>(slice.blocks.size()) * kv_block_tokens < slice.start + n)
      return refused("the blocks of a sequence do not cover its positions");
    for (const int32_t block : slice.blocks)
      if (block < 0 || block >= limits.kv_blocks) return refused("block " + std::to_string(block) + " does not exist");
    for (const int32_t token : slice.tokens)
      if (token < 0 || token >= limits.vocab) return refused("token " + std::to_string(token) + " is not in the vocabulary");
  }
  if (tokens > limits.tokens) return refused(std::to_string(tokens) + " tokens, at most " + std::to_string(limits.tokens));
  if (rows > limits.logit_rows) return refused(std::to_string(rows) + " rows of logits, at most " + std::to_string(limits.logit_rows));
  return {};
}

NumericsId::NumericsId(std::string_view executor_kind, uint32_t kernel_revision, KvPrecision kv) {
  hash_.update(executor_kind);
  hash_.update_value(kernel_revision);
  hash_.update_value(static_cast<uint32_t>(kv));
}

void NumericsId::add(std::span<const TensorReport> tensors) {
  for (const TensorReport& report : tensors) {
    hash_.update(report.name);
    hash_.update_value(static_cast<uint32_t>(report.effective));
  }
}

void NumericsId::add(std::span<const RopeTable> ropes) {
  for (const RopeTable& rope : ropes) {
    hash_.update_value(static_cast<int64_t>(rope.rotary_dim));
    for (const double f : rope.inv_freq) hash_.update_value(f);
    hash_.update_value(rope.attention_factor);
  }
}

std::string NumericsId::finish() {
  const Sha256Digest digest = hash_.finish();
  return to_hex(std::span(digest).first(16));
}

}  // namespace fabula::compute
