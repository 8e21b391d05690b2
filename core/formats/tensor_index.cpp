#include "core/formats/tensor_index.h"

#include <algorithm>
#include <numeric>
#include <system_error>

#include "core/base/utf8.h"
#include "core/formats/byte_reader.h"

namespace fabula::formats {

std::string in_quotes(std::string_view name) {
  constexpr size_t longest = 80;
  std::string text = replace_invalid_utf8(name.substr(0, longest));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = '?';
  return "\"" + text + (name.size() > longest ? "…\"" : "\"");
}

Result<TensorIndex> TensorIndex::make(std::vector<TensorInfo> tensors) {
  TensorIndex index;
  index.tensors_ = std::move(tensors);
  index.by_name_.resize(index.tensors_.size());
  std::iota(index.by_name_.begin(), index.by_name_.end(), 0u);
  const auto name = [&](uint32_t i) -> const std::string& { return index.tensors_[i].name; };
  std::sort(index.by_name_.begin(), index.by_name_.end(),
            [&](uint32_t a, uint32_t b) { return name(a) < name(b); });
  for (size_t i = 1; i < index.by_name_.size(); ++i)
    if (name(index.by_name_[i - 1]) == name(index.by_name_[i]))
      return Error{ErrorCode::corrupt, "the tensor " + in_quotes(name(index.by_name_[i])) + " stands twice"};
  return index;
}

const TensorInfo* TensorIndex::find_or_null(std::string_view name) const {
  const auto at =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [&](uint32_t i, std::string_view wanted) { return tensors_[i].name < wanted; });
  return at != by_name_.end() && tensors_[*at].name == name ? &tensors_[*at] : nullptr;
}

Status read_from_files(const std::vector<File>& files, const TensorInfo& tensor, uint64_t begin,
                       std::span<std::byte> out) {
  if (begin > tensor.bytes || out.size() > tensor.bytes - begin || tensor.file < 0 ||
      static_cast<size_t>(tensor.file) >= files.size())
    return Error{ErrorCode::invalid_argument,
                 "bytes outside the tensor " + in_quotes(tensor.name) + " were asked for"};
  return files[static_cast<size_t>(tensor.file)].read_at(tensor.offset + begin, out);
}

Result<std::filesystem::path> sibling_path(const std::filesystem::path& folder, std::string_view name) {
  const auto refuse = [&](std::string_view why) {
    return Error{ErrorCode::corrupt,
                 "the file name " + in_quotes(name) + " " + std::string(why) + " " + folder.string()};
  };
  if (name.empty() || name == "." || name == ".." ||
      name.find_first_of(std::string_view("/\\\0", 3)) != std::string_view::npos)
    return refuse("does not stay in the folder");
  const std::filesystem::path path = folder / name;
  std::error_code error;
  const auto real = [&](const std::filesystem::path& of) {
    const auto absolute = std::filesystem::absolute(of.empty() ? "." : of, error);
    return error ? absolute : std::filesystem::weakly_canonical(absolute, error);
  };
  const auto real_folder = real(folder);
  if (error) return io_error("examine", folder, error.value());
  const auto real_path = real(path);
  if (error) return io_error("examine", path, error.value());
  if (real_path.parent_path() == real_folder) return path;
  const bool is_cache = real_folder.parent_path().filename() == "snapshots";
  if (is_cache && real_path.parent_path() == real_folder.parent_path().parent_path() / "blobs") return path;
  return refuse("is a link that leads out of the folder");
}

}  // namespace fabula::formats
