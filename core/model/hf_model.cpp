#include "core/model/hf_model.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/formats/byte_reader.h"
#include "core/model/hf_files.h"
#include "core/model/hf_hyperparameters.h"
#include "core/model/hf_tensors.h"

namespace fabula::model {

namespace {

// Checkpoints around a text model, whose settings are below text_config.
constexpr std::array<std::string_view, 2> multimodal_types = {"gemma3", "mistral3"};

std::string text_at(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// The settings of the text model alone, with those that stand outside of it.
Json text_settings(const Json& config) {
  Json text = config["text_config"];
  for (const char* key : {"tie_word_embeddings", "quantization_config"})
    if (!text.contains(key) && config.contains(key)) text[key] = config[key];
  return text;
}

void read_block(const Json& object, const char* key, F8Scales& scales) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_array() || at->size() != 2) return;
  const auto whole = [](const Json& v) { return v.is_number_integer() ? v.get<int64_t>() : 0; };
  scales = {whole((*at)[0]), whole((*at)[1])};
  if (scales.rows <= 0 || scales.cols <= 0 || scales.rows > (1 << 20) || scales.cols > (1 << 20)) scales = {};
}

// compressed-tensors: every group of weights must be of 8-bit floats.
bool is_f8_group(const Json& group, F8Scales& scales) {
  const auto weights = group.is_object() ? group.find("weights") : group.end();
  if (!group.is_object() || weights == group.end() || !weights->is_object()) return false;
  read_block(*weights, "block_structure", scales);
  const auto bits = weights->find("num_bits");
  return text_at(*weights, "type") == "float" && bits != weights->end() && *bits == 8;
}

// quantization_config, where it says F8 weights with scales; none where there is no such setting.
Result<std::optional<F8Scales>> read_quantisation(const Json& config) {
  const auto at = config.find("quantization_config");
  if (at == config.end() || at->is_null()) return std::optional<F8Scales>{};
  const Json& settings = *at;
  const std::string method = text_at(settings, "quant_method"), format = text_at(settings, "format");
  F8Scales scales;
  bool is_known = false;
  if (method == "fp8") {
    const std::string kind = text_at(settings, "fmt");
    is_known = kind.empty() || kind == "e4m3" || kind == "float8_e4m3fn";
    read_block(settings, "weight_block_size", scales);
  } else if (method == "fbgemm_fp8") {
    is_known = true;
  } else if (method == "modelopt") {
    is_known = text_at(settings, "quant_algo") == "FP8";
  } else if (method == "compressed-tensors" && (format == "float-quantized" || format == "naive-quantized")) {
    const auto groups = settings.find("config_groups");
    is_known = groups != settings.end() && groups->is_object() && !groups->empty();
    if (is_known)
      for (const Json& group : *groups) is_known = is_known && is_f8_group(group, scales);
  }
  if (is_known) return std::optional<F8Scales>(scales);
  return Error{ErrorCode::unsupported,
               "config.json: quantization_config asks for " + formats::in_quotes(method) +
                   (format.empty() ? "" : " in the format " + formats::in_quotes(format)) +
                   ", which is not supported; take the original weights or a GGUF file"};
}

}  // namespace

Result<HfModel> open_hf_weights(const std::filesystem::path& folder) {
  HfModel out;
  FABULA_ASSIGN(out.config_text, read_config_text(folder));
  FABULA_ASSIGN(Json config, parse_json(out.config_text, (folder / "config.json").string()));
  out.config = std::make_shared<const Json>(config);
  out.model_type = text_at(config, "model_type");
  if (out.model_type.empty())
    return Error{ErrorCode::corrupt, (folder / "config.json").string() + ": model_type is missing"};
  HfReading reading;
  std::string type = out.model_type;
  const bool is_wrapper =
      std::find(multimodal_types.begin(), multimodal_types.end(), out.model_type) != multimodal_types.end();
  if (is_wrapper && config.contains("text_config") && config["text_config"].is_object()) {
    config = text_settings(config);
    type = text_at(config, "model_type");
    reading.is_part = true;
  }
  out.family = find_family_by_model_type_or_null(type);
  if (!out.family)
    return Error{ErrorCode::unsupported, "the architecture " + formats::in_quotes(type) +
                                             " is not known (known are " + known_families() + ")"};
  FABULA_ASSIGN(reading.f8, read_quantisation(config));
  config.erase("quantization_config");
  FABULA_ASSIGN(out.hyper, read_hf_hyperparameters(config, *out.family));
  FABULA_ASSIGN(out.files, formats::Safetensors::open(folder));
  out.source = out.files;
  if (!reading.is_part && !reading.f8) return out;
  FABULA_ASSIGN(out.source, HfTensors::make(out.files, reading));
  return out;
}

}  // namespace fabula::model
