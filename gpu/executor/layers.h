// The forward pass as launches: what a layer does, in the order of NUMERICS' phases. Knows buffers and kernels; not graphs or tables' making.
#pragma once

#include "gpu/executor/phase_clock.h"
#include "gpu/executor/ranking.h"
#include "gpu/executor/step.h"
#include "gpu/executor/weights.h"

namespace fabula::gpu {

// One step in flight. item_width, splits: how attention is cut, never what it computes.
struct Step {
  Device& device;
  const compute::ModelSpec& spec;
  const Weights& weights;
  const Scratch& scratch;
  const KvPool& kv;
  const Tables& tables;
  float* border = nullptr;  // pinned, (tokens, hidden): the residual stream of a part of a model, in and out; null for a whole one
  int item_width = 8;
  int splits = 1;
  bool one_token_each = false;
  const Ranking* ranking = nullptr;  // where rows are ranked: `ranked` of each
  int ranked = 0;
  PhaseClock* clock = nullptr;       // null: nobody asks where the time goes

  void begin() const;                 // embedding, or the stream that comes in
  void layer(size_t index) const;
  void head() const;                  // logits of the wanted rows
  void hand_on() const;               // of a part without a head: the stream that goes out

  void enter(Phase phase) const {
    if (clock) clock->enter(device, phase);
  }

 private:
  struct Output {
    const Matrix* matrix;
    float* out;
    const float* bias;
    int64_t stride;
  };
  void project(const Rows& x, int n, std::initializer_list<Output> outputs) const;
  void norm(const float* branch, const float* post, const float* weight, const float* bias, const Rows& out, const int32_t* rows, int n) const;
  void attention(size_t index) const;
  void feed_forward(const LayerWeights& w) const;
  void dense(const Matrix& gate, const Matrix& up, const Matrix& down, const LayerWeights* biases, float* out) const;
  void experts(const LayerWeights& w) const;
  void expert_product(const Matrix& matrix, const Rows& x, float* out, int pairs_per_row, int groups) const;
};

}  // namespace fabula::gpu
