// safetensors: one file, or a model.safetensors.index.json with its shards
// (https://huggingface.co/docs/safetensors). Header at most 100 MB; tensors neither overlap nor leave holes;
// no key stands twice. Names that `__metadata__` gives as aliases of stored tensors (tied weights that were
// stored once) are found too.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/file.h"
#include "core/base/result.h"
#include "core/formats/tensor.h"
#include "core/formats/tensor_index.h"

namespace fabula::formats {

struct ParsedSafetensors {
  std::vector<TensorInfo> tensors;  // in the order of their bytes; offsets from the start of the file
  std::map<std::string, std::string> metadata;  // __metadata__
};

// Errors: corrupt, unsupported (dtype by name), io; the message begins with the file's path.
Result<ParsedSafetensors> parse_safetensors(const File& file);

class Safetensors final : public TensorSource {
 public:
  // `path`: a .safetensors file, a model.safetensors.index.json, or a folder that holds either.
  static Result<std::shared_ptr<const Safetensors>> open(const std::filesystem::path& path);

  const std::vector<File>& files() const { return files_; }

  std::span<const TensorInfo> tensors() const override { return index_.tensors(); }
  const TensorInfo* find_or_null(std::string_view name) const override;
  Status read(const TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const override;

 private:
  std::vector<File> files_;
  TensorIndex index_;
  std::map<std::string, std::string, std::less<>> aliases_;
};

}  // namespace fabula::formats
