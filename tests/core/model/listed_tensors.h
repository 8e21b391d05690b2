// Tensors that are only names and shapes: enough to see how a model would be bound.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/formats/tensor_index.h"

namespace fabula::test {

struct Listed {
  std::string name;  // "{}" in it stands for the layer's number: one tensor for each layer
  std::vector<int64_t> shape;
};

inline std::vector<Listed> spread(const std::vector<Listed>& patterns, int64_t n_layers) {
  std::vector<Listed> out;
  for (const Listed& pattern : patterns) {
    const size_t at = pattern.name.find("{}");
    for (int64_t i = 0; i < (at == std::string::npos ? 1 : n_layers); ++i) {
      std::string name = pattern.name;
      if (at != std::string::npos) name.replace(at, 2, std::to_string(i));
      out.push_back({name, pattern.shape});
    }
  }
  return out;
}

class ListedTensors final : public formats::TensorSource {
 public:
  explicit ListedTensors(const std::vector<Listed>& list) {
    std::vector<formats::TensorInfo> tensors;
    for (const Listed& entry : list) {
      formats::TensorInfo tensor;
      tensor.name = entry.name;
      tensor.shape = entry.shape;
      tensor.bytes = static_cast<uint64_t>(tensor.elements()) * 4;
      tensors.push_back(tensor);
    }
    index_ = *formats::TensorIndex::make(std::move(tensors));
  }
  std::span<const formats::TensorInfo> tensors() const override { return index_.tensors(); }
  const formats::TensorInfo* find_or_null(std::string_view name) const override {
    return index_.find_or_null(name);
  }
  Status read(const formats::TensorInfo&, uint64_t, std::span<std::byte>) const override {
    return Error{ErrorCode::io, "these tensors have no bytes"};
  }

 private:
  formats::TensorIndex index_;
};

}  // namespace fabula::test
