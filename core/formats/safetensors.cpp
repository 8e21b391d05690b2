#include "core/formats/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/formats/byte_reader.h"

namespace fabula::formats {

namespace {

constexpr uint64_t max_index_bytes = uint64_t{64} << 20;
constexpr size_t max_shards = 4096;

// {"metadata": {...}, "weight_map": {"tensor": "file", ...}}: the map alone matters.
class IndexReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<std::string> files;                         // each once, in the order of first mention
  std::vector<std::pair<std::string, uint32_t>> weights;  // tensor, index into files
  std::string problem;

  bool null() override { return scalar(); }
  bool boolean(bool) override { return scalar(); }
  bool number_integer(number_integer_t) override { return scalar(); }
  bool number_unsigned(number_unsigned_t) override { return scalar(); }
  bool number_float(number_float_t, const string_t&) override { return scalar(); }
  bool binary(binary_t&) override { return scalar(); }
  bool string(string_t& value) override {
    if (!in_map()) return true;
    auto at = known_.find(value);
    if (at == known_.end()) {
      if (files.size() == max_shards) return fail("names more than " + std::to_string(max_shards) + " files");
      at = known_.emplace(value, static_cast<uint32_t>(files.size())).first;
      files.push_back(value);
    }
    if (weights.size() == max_tensors)
      return fail("names more than " + std::to_string(max_tensors) + " tensors");
    weights.emplace_back(std::move(key_), at->second);
    return true;
  }
  bool start_object(std::size_t) override {
    if (++depth_ > 16) return fail("is nested too deeply");
    if (depth_ == 2 && key_ == "weight_map") map_depth_ = 2;
    if (depth_ > 2 && map_depth_ == 2) return fail("has something other than file names in weight_map");
    return true;
  }
  bool end_object() override {
    if (--depth_ < map_depth_) map_depth_ = 0;
    return true;
  }
  bool start_array(std::size_t) override { return start_object(0) && scalar(); }
  bool end_array() override { return end_object(); }
  bool key(string_t& name) override {
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    return fail("is not valid JSON at byte " + std::to_string(position));
  }

 private:
  bool in_map() const { return map_depth_ == 2 && depth_ == 2; }
  bool scalar() { return !in_map() || fail("has something other than file names in weight_map"); }
  bool fail(std::string why) {
    problem = std::move(why);
    return false;
  }

  std::map<std::string, uint32_t> known_;
  std::string key_;
  int depth_ = 0, map_depth_ = 0;
};

struct Shards {
  std::vector<std::filesystem::path> paths;
  std::vector<std::pair<std::string, uint32_t>> weights;  // empty where there is no index
};

Result<Shards> read_index(const std::filesystem::path& path) {
  FABULA_ASSIGN(const std::string text, read_file(path, max_index_bytes));
  IndexReader reader;
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader))
    return Error{ErrorCode::corrupt, path.string() + " " + reader.problem};
  if (reader.files.empty()) return Error{ErrorCode::corrupt, path.string() + " has no weight_map"};
  Shards shards;
  for (const std::string& name : reader.files) {
    auto shard = sibling_path(path.parent_path(), name);
    if (!shard.ok()) return Error{shard.error().code, path.string() + ": " + shard.error().message};
    shards.paths.push_back(std::move(*shard));
  }
  shards.weights = std::move(reader.weights);
  return shards;
}

Result<Shards> find_shards(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored)) {
    if (path.extension() == ".json") return read_index(path);
    return Shards{{path}, {}};
  }
  // The single file wins where both are there, as it does for Hugging Face.
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"}) {
    if (!std::filesystem::exists(path / name, ignored)) continue;
    FABULA_ASSIGN(auto file, sibling_path(path, name));
    return find_shards(file);
  }
  return Error{ErrorCode::not_found,
               path.string() + " holds neither model.safetensors nor model.safetensors.index.json"};
}

}  // namespace

Result<std::shared_ptr<const Safetensors>> Safetensors::open(const std::filesystem::path& path) {
  FABULA_ASSIGN(const Shards shards, find_shards(path));
  auto model = std::make_shared<Safetensors>();
  std::vector<TensorInfo> tensors;
  for (const auto& shard : shards.paths) {
    FABULA_ASSIGN(File file, File::open(shard));
    FABULA_ASSIGN(ParsedSafetensors parsed, parse_safetensors(file));
    if (tensors.size() + parsed.tensors.size() > max_tensors)
      return Error{ErrorCode::corrupt,
                   path.string() + " has more than " + std::to_string(max_tensors) + " tensors"};
    for (TensorInfo& tensor : parsed.tensors) {
      tensor.file = static_cast<int>(model->files_.size());
      tensors.push_back(std::move(tensor));
    }
    for (auto& [alias, name] : parsed.metadata) model->aliases_.emplace(alias, std::move(name));
    model->files_.push_back(std::move(file));
  }
  auto index = TensorIndex::make(std::move(tensors));
  if (!index.ok()) return Error{index.error().code, path.string() + ": " + index.error().message};
  model->index_ = std::move(*index);
  for (const auto& [name, shard] : shards.weights) {
    const TensorInfo* tensor = model->index_.find_or_null(name);
    if (!tensor || tensor->file != static_cast<int>(shard))
      return Error{ErrorCode::corrupt, path.string() + ": the index says that " +
                                           shards.paths[shard].filename().string() + " holds the tensor " +
                                           in_quotes(name) + ", but it does not"};
  }
  // Other entries of __metadata__ ("format": "pt") name no tensor.
  std::erase_if(model->aliases_, [&](const auto& entry) {
    return model->index_.find_or_null(entry.first) != nullptr ||
           model->index_.find_or_null(entry.second) == nullptr;
  });
  return std::shared_ptr<const Safetensors>(std::move(model));
}

const TensorInfo* Safetensors::find_or_null(std::string_view name) const {
  if (const TensorInfo* tensor = index_.find_or_null(name)) return tensor;
  const auto alias = aliases_.find(name);
  return alias == aliases_.end() ? nullptr : index_.find_or_null(alias->second);
}

Status Safetensors::read(const TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const {
  return read_from_files(files_, tensor, begin, out);
}

}  // namespace fabula::formats
