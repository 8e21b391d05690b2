#include "core/model/hf_model.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/formats/byte_reader.h"
#include "core/model/hf_files.h"
#include "core/model/hf_hyperparameters.h"
#include "core/model/hf_quantisation.h"
#include "core/model/hf_settings.h"
#include "core/model/hf_tensors.h"

namespace fabula::model {

namespace {

// Checkpoints around a text model, whose settings are below text_config.
constexpr std::array<std::string_view, 2> multimodal_types = {"gemma3", "mistral3"};

// The settings of the text model alone, with those that stand outside of it.
Json text_settings(const Json& config) {
  Json text = config["text_config"];
  for (const char* key : {"tie_word_embeddings", "quantization_config"})
    if (!text.contains(key) && config.contains(key)) text[key] = config[key];
  return text;
}

}  // namespace

Result<HfModel> open_hf_weights(const std::filesystem::path& folder) {
  HfModel out;
  FABULA_ASSIGN(out.config_text, read_config_text(folder));
  FABULA_ASSIGN(Json config, parse_json(out.config_text, (folder / "config.json").string()));
  out.config = std::make_shared<const Json>(config);
  out.model_type = text_or_empty(config, "model_type");
  if (out.model_type.empty())
    return Error{ErrorCode::corrupt, (folder / "config.json").string() + ": model_type is missing"};
  HfReading reading;
  std::string type = out.model_type;
  const bool is_wrapper =
      std::find(multimodal_types.begin(), multimodal_types.end(), out.model_type) != multimodal_types.end();
  if (is_wrapper && config.contains("text_config") && config["text_config"].is_object()) {
    config = text_settings(config);
    type = text_or_empty(config, "model_type");
    reading.is_part = true;
  }
  out.family = find_family_by_model_type_or_null(type);
  if (!out.family)
    return Error{ErrorCode::unsupported, "the architecture " + formats::in_quotes(type) +
                                             " is not known (known are " + known_families() + ")"};
  FABULA_ASSIGN(reading.f8, read_hf_quantisation(config));
  config.erase("quantization_config");
  FABULA_ASSIGN(out.hyper, read_hf_hyperparameters(config, *out.family));
  FABULA_ASSIGN(out.files, formats::Safetensors::open(folder));
  out.source = out.files;
  if (!reading.is_part && !reading.f8) return out;
  FABULA_ASSIGN(out.source, HfTensors::make(out.files, reading));
  return out;
}

}  // namespace fabula::model
