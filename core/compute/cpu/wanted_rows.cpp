#include <cstring>

#include "core/compute/cpu/step.h"

namespace fabula::compute::cpu {

namespace {

int64_t wanted_of(const SequenceSlice& slice) {
  const auto n = static_cast<int64_t>(slice.tokens.size());
  return slice.logits == LogitRows::all ? n : slice.logits == LogitRows::last && n > 0 ? 1 : 0;
}

// Row `from` becomes row `to`, to <= from; called with ascending rows, so none is overwritten before it moves.
void move_row(float* rows, int64_t width, int64_t from, int64_t to) {
  if (from != to) std::memcpy(rows + to * width, rows + from * width, static_cast<size_t>(width) * sizeof(float));
}

}  // namespace

void lay_out(Step& step) {
  step.n_tokens = 0;
  for (size_t i = 0; i < step.batch.size(); ++i) {
    const SequenceSlice& slice = step.batch[i];
    for (size_t j = 0; j < slice.tokens.size(); ++j) {
      step.scratch.token_sequence[step.n_tokens] = static_cast<int32_t>(i);
      step.scratch.token_position[step.n_tokens++] = slice.start + static_cast<int64_t>(j);
    }
  }
}

void keep_wanted_rows(Step& step) {
  Scratch& s = step.scratch;
  int64_t wanted = 0;
  for (const SequenceSlice& slice : step.batch) wanted += wanted_of(slice);
  if (step.abandoned || wanted == step.n_tokens) return;
  const int64_t heads = step.spec.n_kv_heads, width = step.spec.n_heads / heads * step.spec.head_dim;
  for (int64_t head = -1; head < heads; ++head) {  // the residual stream, then the queries head by head
    int64_t token = 0, row = 0;
    for (const SequenceSlice& slice : step.batch) {
      token += static_cast<int64_t>(slice.tokens.size());
      for (int64_t from = token - wanted_of(slice); from < token; ++from, ++row) {
        if (head < 0) move_row(s.h, s.hidden_stride, from, row);
        else move_row(s.q, width, head * step.n_tokens + from, head * wanted + row);
      }
    }
  }
  s.wanted.clear();
  for (const SequenceSlice& slice : step.batch) {
    const auto n = static_cast<size_t>(wanted_of(slice)), first = slice.tokens.size() - n;
    if (n > 0) s.wanted.push_back({slice.tokens.subspan(first), slice.start + static_cast<int64_t>(first), slice.blocks, slice.logits});
  }
  step.batch = s.wanted;
  lay_out(step);
}

}  // namespace fabula::compute::cpu
