// Attention of one layer: QKV, norm and rope, the KV cache, tiles of 64 positions, splits of 128, o.
#include <algorithm>
#include <cstring>
#include <limits>

#include "core/compute/cpu/step.h"

namespace fabula::compute::cpu {

namespace {

// Rotates `x` (head_dim) in place. cos, sin: (rotary_dim / 2). No fused multiply-add: the same bits whatever the compiler's flags.
void rotate(float* x, const float* cos, const float* sin, int half, RopePairing pairing) {
  if (pairing == RopePairing::half) {
    for (int i = 0; i < half; ++i) {
      const float a = x[i], b = x[i + half];
      x[i] = a * cos[i] - b * sin[i];
      x[i + half] = b * cos[i] + a * sin[i];
    }
  } else {
    for (int i = 0; i < half; ++i) {
      const float a = x[2 * i], b = x[2 * i + 1];
      x[2 * i] = a * cos[i] - b * sin[i];
      x[2 * i + 1] = b * cos[i] + a * sin[i];
    }
  }
}

class Attention {
 public:
  Attention(Step& step, int64_t layer)
      : step_(step), s_(step.scratch), spec_(step.spec), layer_spec_(step.spec.layers[static_cast<size_t>(layer)]),
        layer_weights_(step.weights.layers[static_cast<size_t>(layer)]), layer_(layer), head_dim_(spec_.head_dim),
        padded_(step.kv.head_dim_padded()), group_(spec_.n_heads / spec_.n_kv_heads),
        tokens_per_item_(std::max<int64_t>(1, attend_rows_target / group_)) {}

  void run() {
    read_next(step_, {&layer_weights_.o});
    project();
    step_.spread_out(Phase::keep, step_.n_tokens, (spec_.n_heads + 2 * spec_.n_kv_heads) * head_dim_,
                     [&](int64_t first, int64_t end, int worker) {
                       for (int64_t t = first; t < end; ++t) prepare_token(t, s_.workers[worker].row);
                     });
    if (spec_.has_head && layer_ + 1 == spec_.n_layers) keep_wanted_rows(step_);
    if (step_.n_tokens == 0) return;
    attend_all();
    const Activations out = s_.attention_out.laid_out(spec_.n_heads * head_dim_, step_.n_tokens, !layer_weights_.o.quantised(),
                                                      layer_weights_.o.quantised());
    step_.spread_out(Phase::pack, step_.n_tokens, spec_.n_heads * head_dim_, [&](int64_t first, int64_t end, int) {
      for (int64_t t = first; t < end; ++t) out.put(step_.kernels, t, 0, s_.attended + t * s_.q_stride, out.cols);
    });
    if (!has_experts(layer_weights_)) read_next(step_, {&layer_weights_.up});
    const LinearOutput o{&layer_weights_.o, layer_weights_.o_bias, s_.branch};
    linear(step_, Phase::o, out, {&o, 1}, s_.hidden_stride);
  }

 private:
  void project() {
    const int64_t q = spec_.n_heads * head_dim_, kv = spec_.n_kv_heads * head_dim_;
    const LinearOutput outputs[3] = {{&layer_weights_.q, layer_weights_.q_bias, s_.qkv},
                                     {&layer_weights_.k, layer_weights_.k_bias, s_.qkv + q},
                                     {&layer_weights_.v, layer_weights_.v_bias, s_.qkv + q + kv}};
    linear(step_, Phase::qkv, s_.in, outputs, s_.qkv_stride);
  }

  void norm_heads(float* x, int64_t n_heads, const float* weight, float* row) const {
    if (!weight) return;
    const int64_t width = spec_.qk_norm_per_head ? head_dim_ : n_heads * head_dim_, n = (width + 15) / 16 * 16;
    for (int64_t at = 0; at < n_heads * head_dim_; at += width) {
      std::memset(row + width, 0, static_cast<size_t>(n - width) * 4);
      std::memcpy(row, x + at, static_cast<size_t>(width) * 4);
      step_.kernels.rms_norm(row, weight, spec_.norm_epsilon, width, n, row);
      std::memcpy(x + at, row, static_cast<size_t>(width) * 4);
    }
  }

  // Norm, rope and scale of one token's queries; its K and V go to the cache.
  void prepare_token(int64_t t, float* row) const {
    float* const q = s_.qkv + t * s_.qkv_stride;
    float* const k = q + spec_.n_heads * head_dim_;
    const float* const v = k + spec_.n_kv_heads * head_dim_;
    norm_heads(q, spec_.n_heads, layer_weights_.q_norm, row);
    norm_heads(k, spec_.n_kv_heads, layer_weights_.k_norm, row);
    if (layer_spec_.rope >= 0) {
      const int half = spec_.ropes[static_cast<size_t>(layer_spec_.rope)].rotary_dim / 2;
      const float* cos = s_.rope + (layer_spec_.rope * step_.n_tokens + t) * 2 * s_.rope_half;
      const float* sin = cos + s_.rope_half;
      for (int64_t h = 0; h < spec_.n_heads + spec_.n_kv_heads; ++h) rotate(q + h * head_dim_, cos, sin, half, spec_.rope_pairing);
    }
    const int64_t group_width = group_ * head_dim_;  // rows of one KV head stand together: (n_kv_heads, tokens, group, head_dim)
    for (int64_t h = 0; h < spec_.n_kv_heads; ++h) {
      float* const out = s_.q + (h * step_.n_tokens + t) * group_width;
      for (int64_t i = 0; i < group_width; ++i) out[i] = q[h * group_width + i] * spec_.attention_scale;
    }

    const SequenceSlice& sequence = step_.batch[static_cast<size_t>(s_.token_sequence[t])];
    const int64_t position = s_.token_position[t];
    const int32_t block = sequence.blocks[static_cast<size_t>(position / kv_tile)];
    const int64_t room = (head_dim_ + 31) / 32 * 32;
    std::memset(row, 0, static_cast<size_t>(2 * room) * 4);
    for (int64_t h = 0; h < spec_.n_kv_heads; ++h) {
      std::memcpy(row, k + h * head_dim_, static_cast<size_t>(head_dim_) * 4);
      std::memcpy(row + room, v + h * head_dim_, static_cast<size_t>(head_dim_) * 4);
      step_.kv.put(step_.kernels, block, layer_, h, static_cast<int>(position % kv_tile), row, row + room);
    }
  }

  // Tokens first .. end - 1 of the step (of one sequence) against one KV head.
  struct Item {
    int64_t sequence, first, end, head;
  };

  int64_t window_begin(int64_t position) const {
    return layer_spec_.sliding_window > 0 ? std::max<int64_t>(0, position - layer_spec_.sliding_window + 1) : 0;
  }

  void attend_all() {
    int64_t tiles = 0, partials = 0;
    int64_t token = 0;
    for (const SequenceSlice& slice : step_.batch) {
      const auto n = static_cast<int64_t>(slice.tokens.size());
      tiles += (n + tokens_per_item_ - 1) / tokens_per_item_;
      partials += n * spec_.n_heads * (splits_of(slice.start, slice.start + n - 1));
      token += n;
    }
    const int64_t items = tiles * spec_.n_kv_heads;
    // Few items with a long past: splits run on several workers. The same splits, folded in the same order, either way.
    if (step_.team.threads() > 1 && items < 4 * step_.team.threads() && partials <= max_partials && partials > token * spec_.n_heads) {
      attend_splits(items);
      return;
    }
    step_.phase(Phase::attention, items, [&](int64_t index, int worker) { attend_item(find_item(index), s_.workers[worker]); });
  }

  int64_t splits_of(int64_t first_position, int64_t last_position) const {
    return last_position / kv_split_tokens - window_begin(first_position) / kv_split_tokens + 1;
  }

  Item find_item(int64_t index) const {
    Item item{0, 0, 0, index % spec_.n_kv_heads};
    int64_t tile = index / spec_.n_kv_heads, token = 0;
    for (const SequenceSlice& slice : step_.batch) {
      const auto n = static_cast<int64_t>(slice.tokens.size());
      const int64_t tiles = (n + tokens_per_item_ - 1) / tokens_per_item_;
      if (tile < tiles) {
        item.first = token + tile * tokens_per_item_;
        item.end = std::min(token + n, item.first + tokens_per_item_);
        return item;
      }
      tile -= tiles;
      token += n;
      ++item.sequence;
    }
    return item;
  }

  // acc, maxima, sums of the item's rows over one split of positions.
  void attend_split(const Item& item, int64_t split, WorkerScratch& w, float* acc, float* maxima, float* sums) const {
    const SequenceSlice& sequence = step_.batch[static_cast<size_t>(item.sequence)];
    const int64_t rows = (item.end - item.first) * group_;
    for (int64_t r = 0; r < rows; ++r) {
      maxima[r] = -std::numeric_limits<float>::infinity();
      sums[r] = 0;
    }
    std::memset(acc, 0, static_cast<size_t>(rows * padded_) * 4);
    const int64_t last_position = s_.token_position[item.end - 1];
    const int64_t begin = std::max(split * kv_split_tokens, window_begin(s_.token_position[item.first]) / kv_tile * kv_tile);
    const int64_t end = std::min((split + 1) * kv_split_tokens, last_position + 1);
    AttendArgs args{};
    args.q = s_.q + (item.head * step_.n_tokens + item.first) * group_ * head_dim_;
    args.q_stride = head_dim_;
    args.rows = static_cast<int>(rows);
    args.acc = acc;
    args.maxima = maxima;
    args.sums = sums;
    args.head_dim = static_cast<int>(head_dim_);
    args.head_dim_padded = static_cast<int>(padded_);
    args.softcap = spec_.attention_softcap;
    args.first = w.first;
    args.last = w.last;
    args.scores = w.scores;
    for (int64_t tile = begin / kv_tile * kv_tile; tile < end; tile += kv_tile) {
      const int32_t block = sequence.blocks[static_cast<size_t>(tile / kv_tile)];
      args.k = step_.kv.k(block, layer_, item.head);
      args.v = step_.kv.v(block, layer_, item.head);
      for (int64_t t = item.first; t < item.end; ++t) {
        const int64_t position = s_.token_position[t];
        const auto first = static_cast<int32_t>(std::clamp<int64_t>(window_begin(position) - tile, 0, kv_tile));
        const auto last = static_cast<int32_t>(std::clamp<int64_t>(position + 1 - tile, 0, kv_tile));
        std::fill_n(w.first + (t - item.first) * group_, group_, first);
        std::fill_n(w.last + (t - item.first) * group_, group_, last);
      }
      step_.kernels.attend[static_cast<size_t>(step_.kv.type())](args);
    }
  }

  void write_out(const Item& item, const float* acc, const float* sums) const {
    const int64_t rows = (item.end - item.first) * group_;
    for (int64_t r = 0; r < rows; ++r) {
      float lanes[16];
      float* out = s_.attended + (item.first + r / group_) * s_.q_stride + (item.head * group_ + r % group_) * head_dim_;
      for (int64_t d = 0; d < padded_; d += 16) {
        step_.kernels.divide(acc + r * padded_ + d, sums[r], 16, lanes);
        std::memcpy(out + d, lanes, static_cast<size_t>(std::min<int64_t>(16, head_dim_ - d)) * 4);
      }
    }
  }

  void attend_item(const Item& item, WorkerScratch& w) const {
    const int64_t rows = (item.end - item.first) * group_, half = attend_capacity();
    float* const total_max = w.maxima + half;
    float* const total_sum = w.sums + half;
    const int64_t first_split = window_begin(s_.token_position[item.first]) / kv_split_tokens;
    const int64_t last_split = s_.token_position[item.end - 1] / kv_split_tokens;
    attend_split(item, first_split, w, w.total, total_max, total_sum);
    for (int64_t split = first_split + 1; split <= last_split; ++split) {
      attend_split(item, split, w, w.acc, w.maxima, w.sums);
      for (int64_t r = 0; r < rows; ++r)
        step_.kernels.merge(w.total + r * padded_, total_max + r, total_sum + r, w.acc + r * padded_, w.maxima[r], w.sums[r], padded_);
    }
    write_out(item, w.total, total_sum);
  }

  int64_t attend_capacity() const { return std::max(attend_rows_target, group_); }

  // Every (item, split) is a shard of its own; then the caller folds the splits of each item in the order of positions.
  void attend_splits(int64_t items) {
    int64_t shards = 0;
    for (int64_t i = 0; i < items; ++i) {
      const Item item = find_item(i);
      shards += splits_of(s_.token_position[item.first], s_.token_position[item.end - 1]);
    }
    step_.phase(Phase::attention, shards, [&](int64_t shard, int worker) {
      int64_t rows_before = 0;
      for (int64_t i = 0; i < items; ++i) {
        const Item item = find_item(i);
        const int64_t first_split = window_begin(s_.token_position[item.first]) / kv_split_tokens;
        const int64_t splits = splits_of(s_.token_position[item.first], s_.token_position[item.end - 1]);
        const int64_t rows = (item.end - item.first) * group_;
        if (shard < splits) {
          const int64_t at = rows_before + shard * rows;
          attend_split(item, first_split + shard, s_.workers[worker], s_.partial_acc + at * padded_, s_.partial_stats + at,
                       s_.partial_stats + max_partials + at);
          return;
        }
        shard -= splits;
        rows_before += splits * rows;
      }
    });
    if (step_.abandoned) return;
    int64_t at = 0;
    float* const maxima = s_.partial_stats;
    float* const sums = s_.partial_stats + max_partials;
    for (int64_t i = 0; i < items; ++i) {
      const Item item = find_item(i);
      const int64_t rows = (item.end - item.first) * group_;
      const int64_t splits = splits_of(s_.token_position[item.first], s_.token_position[item.end - 1]);
      for (int64_t split = 1; split < splits; ++split)
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t other = at + split * rows + r;
          step_.kernels.merge(s_.partial_acc + (at + r) * padded_, maxima + at + r, sums + at + r,
                              s_.partial_acc + other * padded_, maxima[other], sums[other], padded_);
        }
      write_out(item, s_.partial_acc + at * padded_, sums + at);
      at += splits * rows;
    }
  }

  Step& step_;
  Scratch& s_;
  const ModelSpec& spec_;
  const LayerSpec& layer_spec_;
  const LayerWeights& layer_weights_;
  const int64_t layer_, head_dim_, padded_, group_, tokens_per_item_;
};

}  // namespace

void attention(Step& step, int64_t layer) { Attention(step, layer).run(); }

}  // namespace fabula::compute::cpu
