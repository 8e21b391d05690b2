#include "core/formats/gguf.h"

#include <cstdio>

#include "core/formats/byte_reader.h"
#include "core/formats/gguf_parser.h"

namespace fabula::formats {

namespace {

// "name-00002-of-00003.gguf": the part's number (from 1), the count, and what stands before them.
struct SplitName {
  std::string prefix;
  uint64_t number = 0, count = 0;
};

std::optional<SplitName> parse_split_name(const std::string& file_name) {
  constexpr std::string_view shape = "-00000-of-00000.gguf";
  if (file_name.size() <= shape.size()) return std::nullopt;
  const std::string_view tail = std::string_view(file_name).substr(file_name.size() - shape.size());
  SplitName split;
  for (size_t i = 0; i < shape.size(); ++i) {
    const bool is_digit = tail[i] >= '0' && tail[i] <= '9';
    if (shape[i] != '0' ? tail[i] != shape[i] : !is_digit) return std::nullopt;
    if (shape[i] != '0') continue;
    uint64_t& number = i < 6 ? split.number : split.count;
    number = number * 10 + static_cast<uint64_t>(tail[i] - '0');
  }
  split.prefix = file_name.substr(0, file_name.size() - shape.size());
  return split;
}

std::string split_file_name(const SplitName& split, uint64_t number) {
  char tail[32];
  std::snprintf(tail, sizeof tail, "-%05u-of-%05u.gguf", static_cast<unsigned>(number),
                static_cast<unsigned>(split.count));
  return split.prefix + tail;
}

int64_t integer_or(const GgufMetadata& metadata, std::string_view key, int64_t otherwise) {
  const GgufValue* value = find_or_null(metadata, key);
  if (!value || value->is_array) return otherwise;
  return value->integer_or_none().value_or(otherwise);
}

// The names of all parts, in order; one name where the model is not split.
Result<std::vector<std::filesystem::path>> part_paths(const std::filesystem::path& path) {
  const auto split = parse_split_name(path.filename().string());
  if (!split || split->count <= 1) return std::vector{path};
  if (split->number < 1 || split->number > split->count)
    return Error{ErrorCode::corrupt, path.string() + " calls itself part " + std::to_string(split->number) +
                                         " of " + std::to_string(split->count)};
  constexpr uint64_t most_parts = 1024;
  if (split->count > most_parts)
    return Error{ErrorCode::corrupt, path.string() + " names " + std::to_string(split->count) +
                                         " parts; at most " + std::to_string(most_parts) + " make sense"};
  std::vector<std::filesystem::path> paths;
  for (uint64_t n = 1; n <= split->count; ++n) {
    FABULA_ASSIGN(auto part, sibling_path(path.parent_path(), split_file_name(*split, n)));
    paths.push_back(std::move(part));
  }
  return paths;
}

Status check_part(const std::filesystem::path& path, const GgufMetadata& metadata, int64_t number,
                  int64_t count) {
  const int64_t told_count = integer_or(metadata, "split.count", 1);
  const int64_t told_number = integer_or(metadata, "split.no", 0);
  if (told_count == count || (told_count == 0 && count == 1)) {
    if (count == 1 || told_number == number) return {};
    return Error{ErrorCode::corrupt, path.string() + " should be part " + std::to_string(number + 1) +
                                         ", but calls itself part " + std::to_string(told_number + 1)};
  }
  if (count == 1)
    return Error{
        ErrorCode::corrupt,
        path.string() + " is one of " + std::to_string(told_count) +
            " parts, but its name does not end in -00001-of-0000N.gguf, so the others cannot be found"};
  return Error{ErrorCode::corrupt, path.string() + " should be one of " + std::to_string(count) +
                                       " parts, but says " + std::to_string(told_count)};
}

}  // namespace

bool looks_like_gguf(const std::filesystem::path& path) {
  const auto file = File::open(path);
  char magic[4] = {};
  return file.ok() && file->read_at(0, std::as_writable_bytes(std::span(magic))).ok() &&
         std::string_view(magic, 4) == "GGUF";
}

Result<std::shared_ptr<const Gguf>> Gguf::open(const std::filesystem::path& path) {
  FABULA_ASSIGN(const auto paths, part_paths(path));
  auto model = std::make_shared<Gguf>();
  std::vector<TensorInfo> tensors;
  for (size_t part = 0; part < paths.size(); ++part) {
    FABULA_ASSIGN(File file, File::open(paths[part]));
    auto parsed = parse_gguf(file);
    if (!parsed.ok()) return parsed.error();
    FABULA_TRY(check_part(paths[part], parsed->metadata, static_cast<int64_t>(part),
                          static_cast<int64_t>(paths.size())));
    if (tensors.size() + parsed->tensors.size() > max_tensors)
      return Error{ErrorCode::corrupt,
                   path.string() + " has more than " + std::to_string(max_tensors) + " tensors"};
    for (TensorInfo& tensor : parsed->tensors) {
      tensor.file = static_cast<int>(part);
      tensors.push_back(std::move(tensor));
    }
    if (part == 0) {
      model->metadata_ = std::move(parsed->metadata);
      model->version_ = parsed->version;
      model->data_begin_ = parsed->data_begin;
    }
    model->files_.push_back(std::move(file));
  }
  const int64_t told = integer_or(model->metadata_, "split.tensors.count", -1);
  if (paths.size() > 1 && told >= 0 && static_cast<uint64_t>(told) != tensors.size())
    return Error{ErrorCode::corrupt, path.string() + " announces " + std::to_string(told) +
                                         " tensors in all parts; there are " +
                                         std::to_string(tensors.size())};
  auto index = TensorIndex::make(std::move(tensors));
  if (!index.ok()) return Error{index.error().code, path.string() + ": " + index.error().message};
  model->index_ = std::move(*index);
  return std::shared_ptr<const Gguf>(std::move(model));
}

Status Gguf::read(const TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const {
  return read_from_files(files_, tensor, begin, out);
}

}  // namespace fabula::formats
