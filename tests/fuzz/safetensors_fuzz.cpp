// A safetensors file: its header, and the last byte of every tensor that it announces.
#include "core/formats/safetensors.h"
#include "tests/support/memory_file.h"

using namespace fabula;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const test::MemoryFile memory(data, size);
  const auto file = formats::Safetensors::open(memory.path());
  if (!file.ok()) return 0;
  for (const formats::TensorInfo& tensor : (*file)->tensors()) {
    std::byte first{};
    if (tensor.bytes > 0) (void)(*file)->read(tensor, tensor.bytes - 1, std::span(&first, 1)).ok();
    (void)(*file)->find_or_null(tensor.name);
  }
  return 0;
}
