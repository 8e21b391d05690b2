// The tensors of a Hugging Face folder as its text model means them: names without the prefix that a
// multimodal checkpoint gives them, its other parts left out, and F8 weights multiplied with the scales that
// stand beside them.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/formats/safetensors.h"
#include "core/formats/tensor.h"

namespace fabula::model {

// F8 weights with scales. Which values share one shows in the scale's shape: () or (1) all, (rows) or (rows,
// 1) a row, two dimensions a block of `rows` x `cols`, the last ones cut off.
struct F8Scales {
  int64_t rows = 0, cols = 0;  // of a block; 0: the file has none
};

struct HfReading {
  bool is_part = false;  // the text model of a multimodal checkpoint
  std::optional<F8Scales> f8;
};

// Scaled weights appear as F32. Thread: as TensorSource.
class HfTensors final : public formats::TensorSource {
 public:
  // Reads the scales. Errors: corrupt (a scale whose shape fits no rule), io.
  static Result<std::shared_ptr<const HfTensors>> make(std::shared_ptr<const formats::Safetensors> files,
                                                       const HfReading& reading);

  std::span<const formats::TensorInfo> tensors() const override { return index_.tensors(); }
  const formats::TensorInfo* find_or_null(std::string_view name) const override;
  Status read(const formats::TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const override;

 private:
  struct Stored {
    const formats::TensorInfo* tensor = nullptr;
    std::vector<float> scales;  // empty: as stored
    int64_t block_rows = 1, block_cols = 1, scales_per_row = 1;
  };
  Status attach_scale(Stored& weight, const formats::TensorInfo& scale, const F8Scales& blocks) const;
  Status read_scaled(const Stored& stored, uint64_t begin, std::span<std::byte> out) const;

  std::shared_ptr<const formats::Safetensors> files_;
  formats::TensorIndex index_;
  std::vector<Stored> stored_;  // in the order of tensors()
  bool is_part_ = false;
};

}  // namespace fabula::model
