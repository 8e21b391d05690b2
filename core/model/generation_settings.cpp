#include "core/model/generation_settings.h"

#include <nlohmann/json.hpp>

#include "core/model/hf_settings.h"

namespace fabula::model {

namespace {

struct Names {  // of one value; nullptr where the format has none
  const char* json;
  const char* gguf;
};

// A value outside its range is as good as none: these are only suggestions.
template <class Read>
GenerationDefaults defaults_from(const Read& read) {
  const auto number = [&](const Names& names, double least, double most) -> std::optional<float> {
    const std::optional<double> value = read(names);
    return value && *value >= least && *value <= most ? std::optional(static_cast<float>(*value)) : std::nullopt;
  };
  GenerationDefaults defaults;
  defaults.temperature = number({"temperature", "general.sampling.temp"}, 0.0, 100.0);
  defaults.top_p = number({"top_p", "general.sampling.top_p"}, 0.0, 1.0);
  defaults.min_p = number({"min_p", "general.sampling.min_p"}, 0.0, 1.0);
  defaults.typical_p = number({"typical_p", nullptr}, 0.0, 1.0);
  defaults.repetition_penalty = number({"repetition_penalty", "general.sampling.penalty_repeat"}, 0.01, 100.0);
  if (const auto top_k = number({"top_k", "general.sampling.top_k"}, 0.0, 1e9)) defaults.top_k = static_cast<int>(*top_k);
  return defaults;
}

}  // namespace

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
  if (!generation_config.is_object()) return {};
  Settings settings(generation_config);
  return defaults_from([&](const Names& names) { return names.json ? settings.number(names.json) : std::nullopt; });
}

GenerationDefaults read_generation_defaults(const formats::GgufMetadata& metadata) {
  return defaults_from([&](const Names& names) -> std::optional<double> {
    const auto* value = names.gguf ? formats::find_or_null(metadata, names.gguf) : nullptr;
    return value && !value->is_array ? value->number_or_none() : std::nullopt;
  });
}

}  // namespace fabula::model
