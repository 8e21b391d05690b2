// Sampling as a pure function of (logits, token history, position, seed, settings): NUMERICS 6.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace fabula::engine {

struct SamplerSettings {
  float temperature = 0.8f;  // 0: greedy
  int top_k = 40;            // 0: off
  float top_p = 0.95f;       // 1: off
  float min_p = 0.05f;       // 0: off
  float typical_p = 1.0f;    // 1: off
  float repeat_penalty = 1.0f;
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  int penalty_window = 64;  // last tokens the three penalties look at; -1: all
  std::vector<std::pair<int32_t, float>> logit_bias;

  // One list of fields: load, save, defaults, checks, CLI flags and the window's controls come from it.
  // visit(name, field reference, lowest, highest).
  template <class Self, class Visit>
  static void visit(Self& self, Visit&& v) {
    v("temperature", self.temperature, 0.0, 100.0);
    v("top_k", self.top_k, 0, 1'000'000);
    v("top_p", self.top_p, 0.0, 1.0);
    v("min_p", self.min_p, 0.0, 1.0);
    v("typical", self.typical_p, 0.0, 1.0);
    v("repeat_penalty", self.repeat_penalty, 0.0, 100.0);
    v("presence_penalty", self.presence_penalty, -100.0, 100.0);
    v("frequency_penalty", self.frequency_penalty, -100.0, 100.0);
    v("penalty_window", self.penalty_window, -1, 1'000'000);
  }
};

// Errors: invalid_argument naming the field (NaN, out of range).
Status check(const SamplerSettings& settings);

struct Choice {
  int32_t token = 0;
  float logprob = 0;  // natural log of the softmax of the unmodified logits
};

// Order (NUMERICS 6): logit bias, repetition / presence / frequency penalties, temperature, top-k, typical,
// top-p, min-p, draw. Each filter sees the renormalised survivors of the one before; ties go to the lowest
// id; the draw walks the survivors by id. Scratch is laid out once for a vocabulary; sample() does not
// allocate. Thread: one at a time.
class Sampler {
 public:
  explicit Sampler(int64_t vocab);

  // logits: (vocab), left untouched. history: all tokens before `position`, prompt included; only the penalty
  // window is read. Random number: counter-based, key (seed, choice_index), counter `position`. Ids outside
  // the vocabulary are passed over. Errors: internal, where a logit is NaN or +infinity or all are -infinity
  // (a broken model file can do that).
  Result<Choice> sample(const float* logits, std::span<const int32_t> history, int64_t position,
                        uint64_t seed, uint32_t choice_index, const SamplerSettings& settings);

  // The `count` likeliest tokens of unmodified logits with their log-probabilities, descending, ties to the
  // lowest id.
  Status top(const float* logits, int count, std::vector<Choice>& out);

 private:
  struct Candidate {
    float value;   // the logit, bias and penalties applied
    float weight;  // exp((value - max) / temperature)
    float key;     // typical: distance from the entropy
    int32_t id;
  };

  const float* modified(const float* logits, std::span<const int32_t> history,
                        const SamplerSettings& settings);
  void penalise(std::span<const int32_t> window, const SamplerSettings& settings);
  void take_top(const float* values, size_t k);  // into candidates_[0, n_), in no order
  void weigh(float max, float temperature);
  void keep_typical(float share, float max, float temperature);
  void keep_top_p(float share);
  void keep_min_p(float share);
  int32_t draw(double uniform);

  size_t vocab_;
  size_t n_ = 0;                               // live candidates
  std::vector<Candidate> candidates_;          // (vocab)
  std::vector<float> values_;                  // (vocab)
  std::vector<float> maxima_, ranked_maxima_;  // (vocab / 16), of take_top
  std::vector<int32_t> counts_;                // (vocab), all 0 between calls
};

}  // namespace fabula::engine
