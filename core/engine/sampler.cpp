#include "core/engine/sampler.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <type_traits>

#include "core/engine/exact_math.h"
#include "core/engine/philox.h"

namespace fabula::engine {

namespace {

constexpr double ln_2 = 0.69314718055994531;

float logprob_of(float value, float max, double log_sum) {
  return static_cast<float>((static_cast<double>(value) - static_cast<double>(max)) - log_sum);
}

Error unusable_logits() {
  return {ErrorCode::internal,
          "the model computed no usable logits (NaN or infinity): its file is damaged, or its precision "
          "overflows"};
}

bool penalises(const SamplerSettings& settings) {
  return settings.repeat_penalty != 1 || settings.presence_penalty != 0 || settings.frequency_penalty != 0;
}

bool changes_logits(const SamplerSettings& settings) {
  return !settings.logit_bias.empty() || penalises(settings) || settings.dry_multiplier > 0;
}

// A strict total order, so that every selection has one answer whatever the algorithm.
constexpr auto higher = [](const auto& a, const auto& b) {
  return a.value != b.value ? a.value > b.value : a.id < b.id;
};

}  // namespace

Sampler::Sampler(int64_t vocab)
    : rows_(best_row_math()),
      vocab_(static_cast<size_t>(vocab)),
      candidates_(vocab_),
      values_(vocab_),
      maxima_((vocab_ + 15) / 16),
      ranked_maxima_(maxima_.size()),
      counts_(vocab_, 0) {}

Result<Choice> Sampler::sample(const float* logits, std::span<const int32_t> history, int64_t position,
                               uint64_t seed, uint32_t choice_index, const SamplerSettings& settings,
                               SamplerState* state, std::span<const uint64_t> allowed) {
  SamplerState fresh;
  SamplerState& reply = state != nullptr ? *state : fresh;
  const RowPeak raw = rows_.peak(logits, vocab_);
  if (!raw.usable) return unusable_logits();
  const float* values = modified(logits, history, settings, reply, allowed);
  const RowPeak peak = values == logits ? raw : rows_.peak(values, vocab_);
  if (!peak.usable) return unusable_logits();

  int32_t token = 0;
  if (settings.temperature == 0) {
    token = static_cast<int32_t>(std::find(values, values + vocab_, peak.max) - values);
  } else if (settings.mirostat == 2) {
    take_top(values, vocab_);
    double& mu = reply.mirostat_mu.emplace(reply.mirostat_mu.value_or(2 * static_cast<double>(settings.mirostat_tau)));
    token = draw_mirostat(peak.max, uniform_at(seed, choice_index, position), settings, mu);
  } else {
    const bool all = settings.top_k <= 0 || static_cast<size_t>(settings.top_k) >= vocab_;
    take_top(values, all ? vocab_ : static_cast<size_t>(settings.top_k));
    token = draw_filtered(peak.max, position, seed, choice_index, settings);
  }
  return Choice{token, logprob_of(logits[token], raw.max, log_positive(rows_.exp_sum(logits, vocab_, raw.max)))};
}

// Everything behind top-k, of the candidates that it left.
int32_t Sampler::draw_filtered(float max, int64_t position, uint64_t seed, uint32_t choice_index, const SamplerSettings& settings) {
  weigh(max, settings.temperature);
  if (settings.typical_p < 1) keep_typical(settings.typical_p, max, settings.temperature);
  if (settings.top_p < 1) keep_top_p(settings.top_p);
  if (settings.min_p > 0) keep_min_p(settings.min_p);
  if (settings.xtc_probability > 0 &&
      second_uniform_at(seed, choice_index, position) < static_cast<double>(settings.xtc_probability))
    leave_top_out(settings.xtc_threshold);
  return draw(uniform_at(seed, choice_index, position)).id;
}

int Sampler::ranks_needed(const SamplerSettings& settings) {
  if (changes_logits(settings) || settings.mirostat == 2) return 0;
  return settings.temperature == 0 ? 1 : std::max(settings.top_k, 0);
}

Result<Choice> Sampler::sample(const compute::RankedRow& row, int64_t position, uint64_t seed, uint32_t choice_index,
                               const SamplerSettings& settings) {
  if (!row.usable) return unusable_logits();
  size_t chosen = 0;
  if (settings.temperature != 0) {
    n_ = std::min(static_cast<size_t>(settings.top_k), row.ids.size());
    for (size_t i = 0; i < n_; ++i) candidates_[i] = {row.logits[i], 0, 0, row.ids[i]};
    const int32_t token = draw_filtered(row.max, position, seed, choice_index, settings);
    chosen = static_cast<size_t>(std::ranges::find(row.ids, token) - row.ids.begin());
  }
  return Choice{row.ids[chosen], logprob_of(row.logits[chosen], row.max, row.log_sum)};
}

Status Sampler::top(const float* logits, int count, std::vector<Choice>& out) {
  out.clear();
  const RowPeak peak = rows_.peak(logits, vocab_);
  if (!peak.usable) return unusable_logits();
  const double log_sum = log_positive(rows_.exp_sum(logits, vocab_, peak.max));
  take_top(logits, std::min(vocab_, static_cast<size_t>(std::max(count, 0))));
  std::sort(candidates_.begin(), candidates_.begin() + static_cast<ptrdiff_t>(n_), higher);
  for (size_t i = 0; i < n_; ++i)
    out.push_back({candidates_[i].id, logprob_of(candidates_[i].value, peak.max, log_sum)});
  return {};
}

Status Sampler::top(const compute::RankedRow& row, int count, std::vector<Choice>& out) {
  out.clear();
  if (!row.usable) return unusable_logits();
  const size_t n = std::min(row.ids.size(), static_cast<size_t>(std::max(count, 0)));
  for (size_t i = 0; i < n; ++i) out.push_back({row.ids[i], logprob_of(row.logits[i], row.max, row.log_sum)});
  return {};
}

// The logits themselves where nothing changes them, else values_.
const float* Sampler::modified(const float* logits, std::span<const int32_t> history,
                               const SamplerSettings& settings, const SamplerState& state,
                               std::span<const uint64_t> allowed) {
  if (!changes_logits(settings) && allowed.empty()) return logits;
  const auto last = [history](int window) {
    return window < 0 ? history : history.last(std::min(history.size(), static_cast<size_t>(window)));
  };
  std::copy(logits, logits + vocab_, values_.begin());
  for (const auto& [token, bias] : settings.logit_bias)
    if (token >= 0 && static_cast<size_t>(token) < vocab_) values_[static_cast<size_t>(token)] += bias;
  if (penalises(settings)) penalise(last(settings.penalty_window), settings);
  if (settings.dry_multiplier > 0) {
    const auto breakers = state.dry_breakers ? std::span<const uint8_t>(*state.dry_breakers) : std::span<const uint8_t>();
    dry_.apply(last(settings.dry_window), breakers, settings, values_);
  }
  if (!allowed.empty()) forbid_others(allowed);
  return values_.data();
}

void Sampler::forbid_others(std::span<const uint64_t> allowed) {
  for (size_t word = 0; word * 64 < vocab_; ++word) {
    float* values = values_.data() + word * 64;
    const size_t n = std::min<size_t>(64, vocab_ - word * 64);
    const uint64_t bits = allowed[word];
    if (bits == ~uint64_t{0}) continue;
    for (size_t i = 0; i < n; ++i)
      values[i] = (bits >> i) & 1 ? values[i] : -std::numeric_limits<float>::infinity();
  }
}

// Repetition as in CTRL (Keskar et al. 2019); presence and frequency as OpenAI defines them.
void Sampler::penalise(std::span<const int32_t> window, const SamplerSettings& settings) {
  const auto known = [this](int32_t token) { return token >= 0 && static_cast<size_t>(token) < vocab_; };
  for (int32_t token : window)
    if (known(token)) ++counts_[static_cast<size_t>(token)];
  for (int32_t token : window) {
    if (!known(token)) continue;
    const auto id = static_cast<size_t>(token);
    if (counts_[id] == 0) continue;  // done at its first place in the window
    float& value = values_[id];
    value = value > 0 ? value / settings.repeat_penalty : value * settings.repeat_penalty;
    value -= settings.presence_penalty + static_cast<float>(counts_[id]) * settings.frequency_penalty;
    counts_[id] = 0;
  }
}

// The vocabulary is dealt to columns (id modulo their number). The k-th highest of the columns' maxima is at
// most the k-th highest logit, so that only columns that reach it need a closer look.
void Sampler::take_top(const float* values, size_t k) {
  const auto candidate = [values](size_t i) { return Candidate{values[i], 0, 0, static_cast<int32_t>(i)}; };
  const size_t columns = maxima_.size();
  n_ = 0;
  if (k < columns) {
    rows_.column_maxima(values, vocab_, columns, maxima_.data());
    std::copy(maxima_.begin(), maxima_.end(), ranked_maxima_.begin());
    const auto kth = ranked_maxima_.begin() + static_cast<ptrdiff_t>(std::max<size_t>(k, 1) - 1);
    std::nth_element(ranked_maxima_.begin(), kth, ranked_maxima_.end(), std::greater<>());
    for (size_t c = 0; c < columns; ++c)
      for (size_t i = maxima_[c] >= *kth ? c : vocab_; i < vocab_; i += columns)
        if (values[i] >= *kth) candidates_[n_++] = candidate(i);
  } else {
    for (; n_ < vocab_; ++n_) candidates_[n_] = candidate(n_);
  }
  if (k >= n_) return;
  const auto begin = candidates_.begin();
  std::nth_element(begin, begin + static_cast<ptrdiff_t>(k), begin + static_cast<ptrdiff_t>(n_), higher);
  n_ = k;
}

void Sampler::weigh(float max, float temperature) {
  // Sums below run in candidate order: by id, so that the order does not depend on how they were selected.
  if (n_ < vocab_)
    std::sort(candidates_.begin(), candidates_.begin() + static_cast<ptrdiff_t>(n_),
              [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  for (size_t i = 0; i < n_; ++i)
    candidates_[i].weight = exp_nonpositive((candidates_[i].value - max) / temperature);
}

// Locally typical sampling (Meister et al. 2022): nearest to the entropy first.
void Sampler::keep_typical(float share, float max, float temperature) {
  const auto weight = [this](size_t i) { return static_cast<double>(candidates_[i].weight); };
  const double total = lane_sum(n_, weight);
  const double log_total = log_positive(total);
  const auto log_weight = [&](size_t i) {
    return static_cast<double>((candidates_[i].value - max) / temperature);
  };
  const double entropy = lane_sum(n_, [&](size_t i) {
    return candidates_[i].weight > 0 ? weight(i) / total * (log_total - log_weight(i)) : 0.0;
  });
  for (size_t i = 0; i < n_; ++i)
    candidates_[i].key = static_cast<float>(std::abs(log_total - log_weight(i) - entropy));
  const auto begin = candidates_.begin(), end = begin + static_cast<ptrdiff_t>(n_);
  std::sort(begin, end, [](const Candidate& a, const Candidate& b) {
    return a.key != b.key ? a.key < b.key : a.id < b.id;
  });
  const double target = static_cast<double>(share) * total;
  double sum = 0;
  for (size_t kept = 0; kept < n_; ++kept) {
    sum += weight(kept);
    if (sum >= target) n_ = kept + 1;
  }
}

// Nucleus sampling (Holtzman et al. 2020). A histogram over the weights' leading bits (8 of exponent, 3 of
// mantissa) finds the bucket in which the share is reached; only its members need sorting: sorting the head
// of a 50,000-token vocabulary took 2.5 ms a token.
void Sampler::keep_top_p(float share) {
  const auto bucket_of = [](const Candidate& c) { return std::bit_cast<uint32_t>(c.weight) >> 20; };
  constexpr size_t n_buckets = (std::bit_cast<uint32_t>(1.0f) >> 20) + 1;  // weights are at most 1
  std::array<double, n_buckets> mass{};
  for (size_t i = 0; i < n_; ++i)
    mass[bucket_of(candidates_[i])] += static_cast<double>(candidates_[i].weight);
  const double total = lane_sum(n_buckets, [&mass](size_t i) { return mass[i]; });
  const double target = static_cast<double>(share) * total;
  double sum = 0;
  size_t edge = n_buckets - 1;
  for (; edge > 0 && (mass[edge] == 0 || sum + mass[edge] < target); --edge) sum += mass[edge];

  size_t kept = 0, end = 0;
  for (size_t i = 0; i < n_; ++i)
    if (bucket_of(candidates_[i]) > edge) std::swap(candidates_[kept++], candidates_[i]);
  for (size_t i = end = kept; i < n_; ++i)
    if (bucket_of(candidates_[i]) == edge) std::swap(candidates_[end++], candidates_[i]);
  const auto begin = candidates_.begin();
  std::sort(begin + static_cast<ptrdiff_t>(kept), begin + static_cast<ptrdiff_t>(end), higher);
  while (kept < end) {
    sum += static_cast<double>(candidates_[kept++].weight);
    if (sum >= target) break;
  }
  n_ = kept;
}

void Sampler::keep_min_p(float share) {
  float heaviest = 0;
  for (size_t i = 0; i < n_; ++i) heaviest = std::max(heaviest, candidates_[i].weight);
  size_t kept = 0;
  for (size_t i = 0; i < n_; ++i)
    if (candidates_[i].weight >= share * heaviest) candidates_[kept++] = candidates_[i];
  n_ = kept;
}

double Sampler::total_weight() const {
  return lane_sum(n_, [this](size_t i) { return static_cast<double>(candidates_[i].weight); });
}

// Of the candidates that reach the share, only the last in order of likelihood stays.
void Sampler::leave_top_out(float threshold) {
  const double floor = static_cast<double>(threshold) * total_weight();
  const auto is_top = [floor](const Candidate& c) { return static_cast<double>(c.weight) >= floor; };
  const auto begin = candidates_.begin(), end = begin + static_cast<ptrdiff_t>(n_);
  int32_t stays = -1;
  float least = 0;
  for (auto it = begin; it != end; ++it)
    if (is_top(*it) && (stays < 0 || it->weight < least || (it->weight == least && it->id > stays)))
      stays = it->id, least = it->weight;
  n_ = static_cast<size_t>(
      std::remove_if(begin, end, [&](const Candidate& c) { return is_top(c) && c.id != stays; }) - begin);
}

// Surprise of a token: -log2 of its probability. The likeliest (of equals the lowest id) always stays.
void Sampler::keep_unsurprising(double bits, float max, float temperature) {
  const double least_log_weight = log_positive(total_weight()) - bits * ln_2;
  size_t kept = 0;
  bool has_likeliest = false;
  for (size_t i = 0; i < n_; ++i) {
    const Candidate candidate = candidates_[i];
    const bool likeliest = candidate.value == max && !has_likeliest;
    has_likeliest = has_likeliest || likeliest;
    const float log_weight = (candidate.value - max) / temperature;
    if (likeliest || static_cast<double>(log_weight) >= least_log_weight) candidates_[kept++] = candidate;
  }
  n_ = kept;
}

int32_t Sampler::draw_mirostat(float max, double uniform, const SamplerSettings& settings, double& mu) {
  weigh(max, settings.temperature);
  keep_unsurprising(mu, max, settings.temperature);
  const double log_total = log_positive(total_weight());
  const Candidate& drawn = draw(uniform);
  const auto log_weight = static_cast<double>((drawn.value - max) / settings.temperature);
  const double surprise = (log_total - log_weight) / ln_2;
  mu -= static_cast<double>(settings.mirostat_eta) * (surprise - static_cast<double>(settings.mirostat_tau));
  return drawn.id;
}

const Sampler::Candidate& Sampler::draw(double uniform) {
  const auto begin = candidates_.begin();
  const auto end = begin + static_cast<ptrdiff_t>(n_);
  const auto by_id = [](const Candidate& a, const Candidate& b) { return a.id < b.id; };
  if (!std::is_sorted(begin, end, by_id)) std::sort(begin, end, by_id);
  double total = 0;
  for (auto it = begin; it != end; ++it) total += static_cast<double>(it->weight);
  const double target = uniform * total;
  double sum = 0;
  auto last = begin;
  for (auto it = begin; it != end; ++it) {
    if (it->weight <= 0) continue;
    sum += static_cast<double>(it->weight);
    last = it;
    if (sum > target) break;
  }
  return *last;
}

}  // namespace fabula::engine
