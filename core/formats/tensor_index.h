// The tensors of one model by name, in little memory: a sorted list of positions beside the list itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/file.h"
#include "core/base/result.h"
#include "core/formats/tensor.h"

namespace fabula::formats {

// More tensors than any model has (a 235B mixture of experts has about 40,000); bounds what a hostile header
// can cost.
inline constexpr uint64_t max_tensors = uint64_t{1} << 18;

class TensorIndex {
 public:
  TensorIndex() = default;
  // Errors: corrupt (a name that stands twice).
  static Result<TensorIndex> make(std::vector<TensorInfo> tensors);

  std::span<const TensorInfo> tensors() const { return tensors_; }
  const TensorInfo* find_or_null(std::string_view name) const;

 private:
  std::vector<TensorInfo> tensors_;
  std::vector<uint32_t> by_name_;
};

// TensorSource::read for tensors that lie in files.
Status read_from_files(const std::vector<File>& files, const TensorInfo& tensor, uint64_t begin,
                       std::span<std::byte> out);

// Names inside a model's files (index, split) may not lead out of its folder: no separator, no "..", and no
// link to elsewhere, but for the blobs folder of a Hugging Face cache (snapshots/<revision>/x ->
// ../../blobs/y), whose links are its way of storing. Errors: corrupt.
Result<std::filesystem::path> sibling_path(const std::filesystem::path& folder, std::string_view name);

}  // namespace fabula::formats
