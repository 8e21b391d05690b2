// GGUF versions 2 and 3, little-endian, one file or a split one
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Goal: whatever llama.cpp refuses as malformed
// is refused here, with the file, the key or tensor, what was expected and found. Non-goals: version 1,
// big-endian files (both are refused by name), what the metadata mean (core/model knows).
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/file.h"
#include "core/base/result.h"
#include "core/formats/gguf_value.h"
#include "core/formats/tensor.h"
#include "core/formats/tensor_index.h"

namespace fabula::formats {

inline constexpr uint64_t gguf_default_alignment = 32;

// True where the file begins with GGUF's magic. Errors of opening count as no.
bool looks_like_gguf(const std::filesystem::path& path);

class Gguf final : public TensorSource {
 public:
  // `path`: a whole file, or any part of a split one ("name-00001-of-00003.gguf"); the other parts are looked
  // for beside it. Errors: not_found, io, corrupt, unsupported (version, byte order, tensor type).
  static Result<std::shared_ptr<const Gguf>> open(const std::filesystem::path& path);

  const GgufMetadata& metadata() const { return metadata_; }  // of the first part
  uint32_t version() const { return version_; }
  const std::vector<File>& files() const { return files_; }
  uint64_t data_begin() const {
    return data_begin_;
  }  // of the first part: where header ends and tensors begin

  std::span<const TensorInfo> tensors() const override { return index_.tensors(); }
  const TensorInfo* find_or_null(std::string_view name) const override { return index_.find_or_null(name); }
  Status read(const TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const override;

 private:
  GgufMetadata metadata_;
  uint32_t version_ = 0;
  uint64_t data_begin_ = 0;
  std::vector<File> files_;
  TensorIndex index_;
};

}  // namespace fabula::formats
