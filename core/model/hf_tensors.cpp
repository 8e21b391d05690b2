#include "core/model/hf_tensors.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/formats/byte_reader.h"
#include "core/formats/quant.h"

namespace fabula::model {

namespace {

using formats::DType;
using formats::TensorInfo;

// Where the text model stands in a multimodal checkpoint, and what it is called when it stands alone.
struct Renaming {
  std::string_view from, to;
};
constexpr std::array renamings = {Renaming{"language_model.model.", "model."},
                                  Renaming{"language_model.lm_head.", "lm_head."},
                                  Renaming{"model.language_model.", "model."}};
// What sees pictures; a text model does without.
constexpr std::array<std::string_view, 4> other_parts = {
    "vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."};
// Scales of activations and of a quantised KV cache: Fabula computes those in higher precision.
constexpr std::array<std::string_view, 4> unused_scales = {".input_scale", ".output_scale", ".k_scale",
                                                           ".v_scale"};
constexpr std::array<std::string_view, 2> weight_scales = {".weight_scale", ".weight_scale_inv"};

std::string name_in_text_model(std::string_view name) {
  for (const Renaming& renaming : renamings)
    if (name.starts_with(renaming.from))
      return std::string(renaming.to) + std::string(name.substr(renaming.from.size()));
  return std::string(name);
}

bool belongs_elsewhere(std::string_view name) {
  return std::any_of(other_parts.begin(), other_parts.end(),
                     [&](auto part) { return name.starts_with(part); });
}

bool is_f8(DType type) {
  return type == DType::f8_e4m3 || type == DType::f8_e5m2;
}

// "x.weight_scale" is about "x.weight"; "" where the name is of no weight's scale.
std::string weight_of_scale(std::string_view name) {
  for (const std::string_view ending : weight_scales)
    if (name.ends_with(ending)) return std::string(name.substr(0, name.size() - ending.size())) + ".weight";
  return {};
}

bool is_unused_scale(std::string_view name) {
  return std::any_of(unused_scales.begin(), unused_scales.end(),
                     [&](auto end) { return name.ends_with(end); });
}

}  // namespace

Result<std::shared_ptr<const HfTensors>> HfTensors::make(std::shared_ptr<const formats::Safetensors> files,
                                                         const HfReading& reading) {
  auto out = std::make_shared<HfTensors>();
  out->files_ = std::move(files);
  out->is_part_ = reading.is_part;
  std::vector<TensorInfo> shown;
  for (const TensorInfo& tensor : out->files_->tensors()) {
    if (reading.is_part && belongs_elsewhere(tensor.name)) continue;
    if (reading.f8 && is_unused_scale(tensor.name)) continue;
    Stored stored{.tensor = &tensor};
    if (reading.f8) {
      const TensorInfo* weight = out->files_->find_or_null(weight_of_scale(tensor.name));
      if (weight && is_f8(weight->type)) continue;
    }
    TensorInfo info = tensor;
    if (reading.is_part) info.name = name_in_text_model(tensor.name);
    if (reading.f8 && is_f8(tensor.type)) {
      const TensorInfo* scale = out->files_->find_or_null(tensor.name + "_scale");
      if (!scale) scale = out->files_->find_or_null(tensor.name + "_scale_inv");
      if (scale) {
        FABULA_TRY(out->attach_scale(stored, *scale, *reading.f8));
        info.type = DType::f32;
        info.bytes = static_cast<uint64_t>(info.elements()) * 4;
      }
    }
    shown.push_back(std::move(info));
    out->stored_.push_back(std::move(stored));
  }
  FABULA_ASSIGN(out->index_, formats::TensorIndex::make(std::move(shown)));
  return std::shared_ptr<const HfTensors>(std::move(out));
}

Status HfTensors::attach_scale(Stored& weight, const TensorInfo& scale, const F8Scales& blocks) const {
  const TensorInfo& tensor = *weight.tensor;
  const Error misfit{ErrorCode::corrupt, "the tensor " + formats::in_quotes(scale.name) +
                                             " does not fit the weights that it scales"};
  if (tensor.shape.size() != 2 || formats::is_quantised(scale.type) || !formats::can_dequantize(scale.type))
    return misfit;
  const int64_t rows = tensor.shape[0], cols = tensor.shape[1], count = scale.elements();
  const auto parts = [](int64_t whole, int64_t part) { return (whole + part - 1) / part; };
  const bool is_blocked = scale.shape.size() == 2 && scale.shape[1] > 1;
  if (count == 1) {
    weight.block_rows = std::max<int64_t>(rows, 1);
    weight.block_cols = std::max<int64_t>(cols, 1);
  } else if (!is_blocked && count == rows) {
    weight.block_cols = std::max<int64_t>(cols, 1);
  } else if (scale.shape.size() == 2 && blocks.rows > 0 && blocks.cols > 0 &&
             scale.shape[0] == parts(rows, blocks.rows) && scale.shape[1] == parts(cols, blocks.cols)) {
    weight.block_rows = blocks.rows;
    weight.block_cols = blocks.cols;
    weight.scales_per_row = scale.shape[1];
  } else {
    return misfit;
  }
  std::vector<std::byte> bytes(scale.bytes);
  FABULA_TRY(files_->read(scale, 0, bytes));
  weight.scales.resize(static_cast<size_t>(count));
  formats::dequantize(scale.type, bytes.data(), weight.scales.data(), count);
  return {};
}

const TensorInfo* HfTensors::find_or_null(std::string_view name) const {
  if (const TensorInfo* tensor = index_.find_or_null(name)) return tensor;
  // An alias of the file: the same tensor under its other name.
  const TensorInfo* alias = files_->find_or_null(name);
  for (size_t i = 0; alias && i < stored_.size(); ++i)
    if (stored_[i].tensor == alias) return &index_.tensors()[i];
  return nullptr;
}

Status HfTensors::read(const TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const {
  const Stored& stored = stored_[static_cast<size_t>(&tensor - index_.tensors().data())];
  return stored.scales.empty() ? files_->read(*stored.tensor, begin, out) : read_scaled(stored, begin, out);
}

// begin and out are of whole floats: rows are.
Status HfTensors::read_scaled(const Stored& stored, uint64_t begin, std::span<std::byte> out) const {
  const auto count = static_cast<int64_t>(out.size() / 4), first = static_cast<int64_t>(begin / 4);
  std::vector<std::byte> codes(static_cast<size_t>(count));
  FABULA_TRY(files_->read(*stored.tensor, static_cast<uint64_t>(first), codes));
  std::vector<float> values(static_cast<size_t>(count));
  formats::dequantize(stored.tensor->type, codes.data(), values.data(), count);
  const int64_t cols = stored.tensor->shape[1];
  for (int64_t i = 0; i < count; ++i) {
    const int64_t row = (first + i) / cols, col = (first + i) % cols;
    const int64_t scale = row / stored.block_rows * stored.scales_per_row + col / stored.block_cols;
    values[static_cast<size_t>(i)] *= stored.scales[static_cast<size_t>(scale)];
  }
  std::memcpy(out.data(), values.data(), out.size());
  return {};
}

}  // namespace fabula::model
