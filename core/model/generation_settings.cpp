#include "core/model/generation_settings.h"

#include <nlohmann/json.hpp>

#include "core/model/hf_settings.h"

namespace fabula::model {

std::vector<text::TokenId> named_end_tokens(const Json& config) {
  std::vector<text::TokenId> ids;
  const auto take = [&](const Json& value) {
    if (value.is_number_integer() && value >= 0 && value <= INT32_MAX)
      ids.push_back(value.get<text::TokenId>());
  };
  const auto at = config.is_object() ? config.find("eos_token_id") : config.end();
  if (!config.is_object() || at == config.end()) return ids;
  if (!at->is_array())
    take(*at);
  else
    for (const Json& element : *at) take(element);
  return ids;
}

GenerationDefaults read_generation_defaults(const Json& generation_config) {
  GenerationDefaults defaults;
  if (!generation_config.is_object()) return defaults;
  Settings settings(generation_config);
  // A value outside its range is as good as none: these are only suggestions.
  const auto number = [&](const char* key, double least, double most) -> std::optional<float> {
    const auto value = settings.number(key);
    return value && *value >= least && *value <= most ? std::optional(static_cast<float>(*value))
                                                      : std::nullopt;
  };
  defaults.temperature = number("temperature", 0.0, 100.0);
  defaults.top_p = number("top_p", 0.0, 1.0);
  defaults.min_p = number("min_p", 0.0, 1.0);
  defaults.typical_p = number("typical_p", 0.0, 1.0);
  defaults.repetition_penalty = number("repetition_penalty", 0.01, 100.0);
  if (const auto top_k = number("top_k", 0.0, 1e9)) defaults.top_k = static_cast<int>(*top_k);
  return defaults;
}

}  // namespace fabula::model
