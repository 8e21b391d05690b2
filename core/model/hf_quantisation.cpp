#include "core/model/hf_quantisation.h"

#include <nlohmann/json.hpp>
#include <string>

#include "core/formats/byte_reader.h"
#include "core/model/hf_settings.h"

namespace fabula::model {

namespace {

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
  return text_or_empty(*weights, "type") == "float" && bits != weights->end() && *bits == 8;
}

}  // namespace

Result<std::optional<F8Scales>> read_hf_quantisation(const Json& config) {
  const auto at = config.find("quantization_config");
  if (at == config.end() || at->is_null()) return std::optional<F8Scales>{};
  const Json& settings = *at;
  const std::string method = text_or_empty(settings, "quant_method"), format = text_or_empty(settings, "format");
  F8Scales scales;
  bool is_known = false;
  if (method == "fp8") {
    const std::string kind = text_or_empty(settings, "fmt");
    is_known = kind.empty() || kind == "e4m3" || kind == "float8_e4m3fn";
    read_block(settings, "weight_block_size", scales);
  } else if (method == "fbgemm_fp8") {
    is_known = true;
  } else if (method == "modelopt") {
    is_known = text_or_empty(settings, "quant_algo") == "FP8";
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

}  // namespace fabula::model
