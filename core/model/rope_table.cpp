#include "core/model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fabula::model {

namespace {

constexpr double two_pi = 2.0 * std::numbers::pi;

void scale_llama3(std::vector<double>& inv_freq, const RopeParameters& rope, double original_context) {
  const double low_wavelength = original_context / rope.low_freq_factor;
  const double high_wavelength = original_context / rope.high_freq_factor;
  for (double& frequency : inv_freq) {
    const double wavelength = two_pi / frequency;
    if (wavelength < high_wavelength) continue;
    const double scaled = frequency / rope.factor;
    if (wavelength > low_wavelength) {
      frequency = scaled;
      continue;
    }
    const double smooth = (original_context / wavelength - rope.low_freq_factor) /
                          (rope.high_freq_factor - rope.low_freq_factor);
    frequency = (1.0 - smooth) * scaled + smooth * frequency;
  }
}

void scale_yarn(std::vector<double>& inv_freq, const RopeParameters& rope, double original_context,
                double dim) {
  const auto correction_dim = [&](double rotations) {
    return dim * std::log(original_context / (rotations * two_pi)) / (2.0 * std::log(rope.theta));
  };
  const double low = std::max(std::floor(correction_dim(rope.beta_fast)), 0.0);
  const double high = std::min(std::ceil(correction_dim(rope.beta_slow)), dim - 1.0);
  for (size_t i = 0; i < inv_freq.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
    inv_freq[i] = inv_freq[i] / rope.factor * ramp + inv_freq[i] * (1.0 - ramp);
  }
}

Status divide_by(std::vector<double>& inv_freq, const std::vector<double>& factors) {
  if (factors.empty()) return {};
  if (factors.size() != inv_freq.size())
    return Error{ErrorCode::corrupt, "there are " + std::to_string(factors.size()) + " rope factors; " +
                                         std::to_string(inv_freq.size()) + " frequencies need as many"};
  for (size_t i = 0; i < factors.size(); ++i) {
    if (!(factors[i] > 0.0) || !std::isfinite(factors[i]))
      return Error{ErrorCode::corrupt,
                   "rope factor " + std::to_string(i) + " is " + std::to_string(factors[i])};
    inv_freq[i] /= factors[i];
  }
  return {};
}

bool is_sound(const RopeParameters& rope, double original_context) {
  const auto positive = [](double value) { return value > 0.0 && std::isfinite(value); };
  return positive(rope.theta) && rope.theta > 1.0 && positive(rope.factor) && positive(original_context) &&
         positive(rope.beta_fast) && positive(rope.beta_slow) && positive(rope.low_freq_factor) &&
         positive(rope.high_freq_factor) &&
         (rope.scaling != RopeScaling::dynamic || rope.factor >= 1.0) &&
         (rope.scaling != RopeScaling::llama3 || rope.high_freq_factor > rope.low_freq_factor);
}

}  // namespace

Result<compute::RopeTable> make_rope_table(const RopeParameters& rope, int64_t rotary_dim,
                                           int64_t context_length) {
  const double original_context =
      rope.original_context > 0.0 ? rope.original_context : static_cast<double>(context_length);
  if (!is_sound(rope, original_context) || (rope.scaling == RopeScaling::dynamic && rotary_dim <= 2))
    return Error{ErrorCode::corrupt, "the rope parameters make no sense (theta " +
                                         std::to_string(rope.theta) + ", scaling factor " +
                                         std::to_string(rope.factor) + ")"};
  compute::RopeTable table;
  table.rotary_dim = static_cast<int>(rotary_dim);
  const auto dim = static_cast<double>(rotary_dim);
  for (int64_t i = 0; i < rotary_dim / 2; ++i)
    table.inv_freq.push_back(1.0 / std::pow(rope.theta, static_cast<double>(2 * i) / dim));
  switch (rope.scaling) {
    case RopeScaling::none: break;
    case RopeScaling::linear:
      for (double& frequency : table.inv_freq) frequency /= rope.factor;
      break;
    case RopeScaling::llama3: scale_llama3(table.inv_freq, rope, original_context); break;
    case RopeScaling::yarn:
      scale_yarn(table.inv_freq, rope, original_context, dim);
      table.attention_factor =
          rope.attention_factor.value_or(rope.factor > 1.0 ? 0.1 * std::log(rope.factor) + 1.0 : 1.0);
      break;
    case RopeScaling::dynamic:
      table.ntk_factor = rope.factor;
      table.ntk_theta = rope.theta;
      table.short_context = static_cast<int64_t>(original_context);
      break;
    case RopeScaling::longrope: {
      const double scale = static_cast<double>(context_length) / original_context;
      table.attention_factor = rope.attention_factor.value_or(
          scale > 1.0 ? std::sqrt(1.0 + std::log(scale) / std::log(original_context)) : 1.0);
      table.inv_freq_long = table.inv_freq;
      table.short_context = static_cast<int64_t>(original_context);
      FABULA_TRY(divide_by(table.inv_freq_long, rope.long_factors));
      break;
    }
  }
  FABULA_TRY(divide_by(table.inv_freq, rope.short_factors));
  return table;
}

}  // namespace fabula::model
