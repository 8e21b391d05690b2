// A Hugging Face model as GGUF would hold it: tensor names, order of rows, metadata. Nothing is computed here
// but the plan; quantise.h carries it out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/compute/model_spec.h"
#include "core/formats/gguf_value.h"
#include "core/formats/tensor.h"
#include "core/model/families.h"
#include "core/model/hyperparameters.h"

namespace fabula::model {

// One tensor of the result: stored tensors one behind the other, or values made here.
struct ExportTensor {
  std::string name;
  std::vector<int64_t> shape;                       // outermost first
  std::vector<const formats::TensorInfo*> sources;  // concatenated; empty: `values`
  std::vector<float> values;
  int64_t interleaved_head_dim = 0;  // > 0: rows of each head go from (i, i + d/2) order to (2i, 2i + 1)
  bool plus_one = false;             // Hugging Face's gemma stores w of (1 + w)
};

std::vector<ExportTensor> plan_tensors(const compute::ModelSpec& spec, const Hyperparameters& hyper,
                                       const Family& family);

// general.architecture and the <architecture>.* keys.
formats::GgufMetadata export_metadata(const Hyperparameters& hyper, const Family& family);

// What GGUF calls the family: mistral and mixtral are "llama" there.
std::string_view exported_architecture(const Family& family);

// Empty where a and b compute the same; otherwise the first thing that differs. Names of tensors and the
// order of rotated pairs may differ.
std::string first_difference(const compute::ModelSpec& a, const compute::ModelSpec& b);

}  // namespace fabula::model
