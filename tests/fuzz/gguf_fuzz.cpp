// A GGUF file up to the ModelSpec: header, tensors, hyperparameters, vocabulary; and the first bytes of every
// tensor.
#include <algorithm>
#include <array>

#include "core/formats/gguf.h"
#include "core/formats/quant.h"
#include "core/model/gguf_hyperparameters.h"
#include "core/model/gguf_vocabulary.h"
#include "core/model/spec_builder.h"
#include "tests/support/memory_file.h"

using namespace fabula;

namespace {

void read_first_block(const formats::Gguf& file, const formats::TensorInfo& tensor) {
  const formats::DTypeInfo& info = formats::dtype_info(tensor.type);
  std::array<std::byte, 512> block{};
  std::array<float, 256> values{};
  const auto part = std::span(block).first(static_cast<size_t>(info.block_bytes));
  if (!file.read(tensor, 0, part).ok() || !formats::can_dequantize(tensor.type)) return;
  formats::dequantize(tensor.type, part.data(), values.data(), info.block_elements);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const test::MemoryFile memory(data, size);
  const auto file = formats::Gguf::open(memory.path());
  if (!file.ok()) return 0;
  for (const formats::TensorInfo& tensor : (*file)->tensors()) read_first_block(**file, tensor);
  (void)model::read_gguf_vocabulary((*file)->metadata()).ok();
  const formats::GgufValue* architecture = formats::find_or_null((*file)->metadata(), "general.architecture");
  const auto* family =
      architecture ? model::find_family_by_gguf_or_null(architecture->text_or_none().value_or("")) : nullptr;
  if (!family) return 0;
  const auto hyper = model::read_gguf_hyperparameters(**file, *family);
  if (hyper.ok()) (void)model::build_spec(*hyper, *family, model::Convention::gguf, **file).ok();
  return 0;
}
