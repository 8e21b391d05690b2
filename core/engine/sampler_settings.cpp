#include "core/engine/sampler_settings.h"

#include <array>
#include <cstdio>

namespace fabula::engine {
namespace {

// As a person would write it: 0.8, 1000000.
std::string plain(double number) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.7g", number);
  return text.data();
}

constexpr float least_repeat_penalty = 0.01f;  // far below what anybody wants, far above what divides into infinity

}  // namespace

Status check(const SamplerSettings& settings) {
  Status status;
  SamplerSettings::visit(settings, [&](const char* name, const auto& value, double lowest, double highest) {
    const auto number = static_cast<double>(value);
    if (status.ok() && !(number >= lowest && number <= highest))
      status = Error{ErrorCode::invalid_argument,
                     std::string(name) + " must be from " + plain(lowest) + " to " + plain(highest) + ", not " +
                         plain(number)};
  });
  FABULA_TRY(std::move(status));
  if (settings.repeat_penalty < least_repeat_penalty)
    return Error{ErrorCode::invalid_argument,
                 "repeat_penalty must be at least 0.01 (1 is off): logits are divided by it"};
  if (settings.mirostat == 1)
    return Error{ErrorCode::invalid_argument, "mirostat must be 0 (off) or 2; version 1 is not offered"};
  for (const auto& [token, bias] : settings.logit_bias)
    if (!std::isfinite(bias))
      return Error{ErrorCode::invalid_argument,
                   "logit_bias of token " + std::to_string(token) + " is not a finite number"};
  for (const std::string& breaker : settings.dry_breakers)
    if (breaker.empty()) return Error{ErrorCode::invalid_argument, "dry_breakers must not hold an empty text"};
  return {};
}

}  // namespace fabula::engine
