// Sampling as a pure function of (logits, token history, position, seed, settings): NUMERICS 6.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/compute/executor.h"
#include "core/engine/choice.h"
#include "core/engine/row_math.h"
#include "core/engine/sampler_dry.h"
#include "core/engine/sampler_settings.h"

namespace fabula::engine {

// What one reply carries from token to token beside its history.
struct SamplerState {
  std::optional<double> mirostat_mu;  // bits; none: before the first token
  std::shared_ptr<const std::vector<uint8_t>> dry_breakers;  // (vocab) 1: breaks a sequence; null: none does
};

// Order (NUMERICS 6): logit bias, repetition / presence / frequency penalties, DRY, temperature, top-k, typical,
// top-p, min-p, XTC, draw. Mirostat 2 stands in for everything between temperature and draw. Each filter sees
// the renormalised survivors of the one before; ties go to the lowest id; the draw walks the survivors by id.
// Scratch is laid out once for a vocabulary; sample() does not allocate, but for DRY while the history grows.
// Thread: one at a time.
//
// Typical: Meister et al. 2022, "Locally Typical Sampling". Top-p: Holtzman et al. 2020. Repetition: Keskar et
// al. 2019 (CTRL). Presence, frequency: as OpenAI's API defines them.
// XTC ("exclude top choices", p-e-w 2024): with xtc_probability, where at least two tokens reach xtc_threshold,
// all of them but the least likely are left out. Its coin is the second number of the place's Philox block.
// Mirostat 2 (Basu et al. 2021, algorithm 2): tokens more surprising than mu bits are left out, and after the
// draw mu -= eta * (surprise of the drawn token among the survivors - tau); mu begins at 2 tau.
// DRY: sampler_dry.h.
class Sampler {
 public:
  explicit Sampler(int64_t vocab);

  // How many of a row's highest logits decide a token; 0: the whole row is needed.
  static int ranks_needed(const SamplerSettings& settings);

  // logits: (vocab), left untouched. history: all tokens before `position`, prompt included; only the windows
  // of the penalties are read. state: of this reply; null: of a reply that begins here, and no breakers. Random number: counter-based, key (seed, choice_index), counter `position`. Ids outside
  // the vocabulary are passed over. Errors: internal, where a logit is NaN or +infinity or all are -infinity
  // (a broken model file can do that).
  // allowed: one bit per id, the tokens that may be chosen; empty: all. The others count as -infinity from the
  // start. At least one must be allowed.
  Result<Choice> sample(const float* logits, std::span<const int32_t> history, int64_t position,
                        uint64_t seed, uint32_t choice_index, const SamplerSettings& settings,
                        SamplerState* state = nullptr, std::span<const uint64_t> allowed = {});

  // The same from a row's highest logits alone, where ranks_needed(settings) of them are enough and fewer than the vocabulary has: the
  // same token. The log-probability may differ in its last bits: a device sums in an order of its own.
  Result<Choice> sample(const compute::RankedRow& row, int64_t position, uint64_t seed, uint32_t choice_index,
                        const SamplerSettings& settings);

  // The `count` likeliest tokens of unmodified logits with their log-probabilities, descending, ties to the
  // lowest id.
  Status top(const float* logits, int count, std::vector<Choice>& out);
  static Status top(const compute::RankedRow& row, int count, std::vector<Choice>& out);  // count: at most what is ranked

 private:
  struct Candidate {
    float value;   // the logit, bias and penalties applied
    float weight;  // exp((value - max) / temperature)
    float key;     // typical: distance from the entropy
    int32_t id;
  };

  const float* modified(const float* logits, std::span<const int32_t> history, const SamplerSettings& settings,
                        const SamplerState& state, std::span<const uint64_t> allowed);
  void forbid_others(std::span<const uint64_t> allowed);
  void penalise(std::span<const int32_t> window, const SamplerSettings& settings);
  int32_t draw_filtered(float max, int64_t position, uint64_t seed, uint32_t choice_index, const SamplerSettings& settings);
  void take_top(const float* values, size_t k);  // into candidates_[0, n_), in no order
  void weigh(float max, float temperature);
  void keep_typical(float share, float max, float temperature);
  void keep_top_p(float share);
  void keep_min_p(float share);
  void leave_top_out(float threshold);
  void keep_unsurprising(double bits, float max, float temperature);
  const Candidate& draw(double uniform);
  int32_t draw_mirostat(float max, double uniform, const SamplerSettings& settings, double& mu);
  double total_weight() const;

  const RowMath& rows_;
  size_t vocab_;
  size_t n_ = 0;                               // live candidates
  std::vector<Candidate> candidates_;          // (vocab)
  std::vector<float> values_;                  // (vocab)
  std::vector<float> maxima_, ranked_maxima_;  // (vocab / 16), of take_top
  std::vector<int32_t> counts_;                // (vocab), all 0 between calls
  DryPenalties dry_;
};

}  // namespace fabula::engine
