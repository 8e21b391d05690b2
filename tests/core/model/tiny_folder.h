// A Hugging Face folder of random weights, written by a test: one layer kind (qwen2's names and pairing),
// sizes to choose, and a vocabulary of 40 single characters.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/formats/dtype.h"

namespace fabula::test {

struct TinyFolder {
  int64_t hidden = 256, ffn = 512, layers = 2, heads = 4, kv_heads = 2, context = 512;
  formats::DType type = formats::DType::bf16;  // of all tensors: f32, f16 or bf16
  bool tied = true;
  uint64_t seed = 1;
};

void write_tiny_folder(const std::filesystem::path& folder, const TinyFolder& options);

// tokenizer.json of those 40 characters.
std::string tiny_tokenizer();

}  // namespace fabula::test
