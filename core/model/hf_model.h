// A Hugging Face folder's configuration and weights, before tokenizer and template: what loading, quantising
// and tests begin with.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/formats/safetensors.h"
#include "core/model/families.h"
#include "core/model/hyperparameters.h"

namespace fabula::model {

struct HfModel {
  std::string config_text;             // config.json
  std::shared_ptr<const Json> config;  // of it, the whole
  std::string model_type;              // as it stands there
  const Family* family = nullptr;      // of the text model
  Hyperparameters hyper;
  std::shared_ptr<const formats::Safetensors> files;
  std::shared_ptr<const formats::TensorSource> source;  // the text model's tensors, on top of files
};

// A multimodal checkpoint gives its text model; its other tensors are left out knowingly. Weights that were
// quantised to F8 are read with their scales. Errors: not_found, corrupt, unsupported (by name), io.
Result<HfModel> open_hf_weights(const std::filesystem::path& folder);

}  // namespace fabula::model
