// Small whole models, made here: enough of them make a library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "core/formats/gguf_writer.h"

namespace fabula::test {

struct TinyGguf {
  std::string name = "Tiny";
  std::string architecture = "llama";
  std::string licence = "apache-2.0";
  std::string repository;          // general.source.huggingface.repository
  std::string chat_template;
  formats::DType matrices = formats::DType::q8_0;
  int64_t file_type = 7;           // general.file_type; < 0: none
  int64_t hidden = 32, ffn = 64, vocab = 16, context_length = 2048;
  float temperature = -1;          // general.sampling.temp; < 0: none
  float value = 0;                 // of every weight that is stored as F32
  bool without_down = false;       // leaves out blk.0.ffn_down.weight
};

// Fails the test where it cannot be written.
void write_tiny_gguf(const std::filesystem::path& path, const TinyGguf& model = {});

}  // namespace fabula::test
