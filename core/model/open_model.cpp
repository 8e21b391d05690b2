#include <nlohmann/json.hpp>
#include <system_error>

#include "core/base/json.h"
#include "core/formats/byte_reader.h"
#include "core/formats/gguf.h"
#include "core/model/end_tokens.h"
#include "core/model/fingerprint.h"
#include "core/model/generation_settings.h"
#include "core/model/gguf_hyperparameters.h"
#include "core/model/gguf_vocabulary.h"
#include "core/model/hf_files.h"
#include "core/model/hf_model.h"
#include "core/model/model.h"
#include "core/model/spec_builder.h"

namespace fabula::model {

namespace {

Error in_file(const Error& error, const std::filesystem::path& path) {
  const std::string shown = path.string();
  if (error.message.find(shown) != std::string::npos) return error;
  return {error.code, shown + ": " + error.message};
}

std::string gguf_text_or_empty(const formats::GgufMetadata& metadata, std::string_view key) {
  const formats::GgufValue* value = formats::find_or_null(metadata, key);
  return value && !value->is_array ? std::string(value->text_or_none().value_or("")) : std::string();
}

Result<std::string> fingerprint_of(std::span<const File> files, std::string_view header, const OpenOptions& options) {
  return model_fingerprint(files, header, {.memory_folder = options.fingerprint_folder,
                                           .threads = options.fingerprint_threads, .cancel = options.cancel});
}

void describe_tensors(const formats::TensorSource& source, ModelInfo& info) {
  for (const formats::TensorInfo& tensor : source.tensors()) {
    info.parameters += static_cast<uint64_t>(tensor.elements());
    info.bytes += tensor.bytes;
    ++info.dtypes[std::string(formats::dtype_info(tensor.type).name)];
  }
}

void attach_template(const std::string& source, Model& model) {
  if (source.empty()) {
    model.chat_template_error =
        "The model brings no chat template: it continues text, it was not made to chat.";
    return;
  }
  auto parsed = text::ChatTemplate::parse(source);
  if (parsed.ok())
    model.chat_template = std::make_shared<const text::ChatTemplate>(std::move(*parsed));
  else
    model.chat_template_error = "The model's chat template cannot be read: " + parsed.error().message;
}

Result<std::shared_ptr<const text::Tokenizer>> tokenizer_of_gguf(const formats::Gguf& file) {
  FABULA_ASSIGN(auto vocabulary, read_gguf_vocabulary(file.metadata()));
  return text::make_tokenizer_from_vocab(std::move(vocabulary));
}

Status check_vocabulary(const Model& model) {
  // A Hugging Face embedding is often padded beyond the vocabulary; ids above it would have no row.
  const int64_t size = model.tokenizer->vocab_size();
  const bool fits = model.info.format == "gguf" ? size == model.spec.vocab : size <= model.spec.vocab;
  if (fits) return {};
  return Error{ErrorCode::corrupt, "the vocabulary has " + std::to_string(size) +
                                       " tokens, but the embedding has " + std::to_string(model.spec.vocab) +
                                       " rows"};
}

Result<std::shared_ptr<const Model>> open_gguf_model(const std::filesystem::path& path,
                                                     const OpenOptions& options) {
  FABULA_ASSIGN(auto file, formats::Gguf::open(path));
  auto model = std::make_shared<Model>();
  model->source = file;
  model->info.path = path.string();
  model->info.format = "gguf";
  model->info.architecture = gguf_text_or_empty(file->metadata(), "general.architecture");
  model->info.name = gguf_text_or_empty(file->metadata(), "general.name");
  if (model->info.name.empty()) model->info.name = path.stem().string();
  model->info.licence = gguf_text_or_empty(file->metadata(), "general.license");
  const Family* family = find_family_by_gguf_or_null(model->info.architecture);
  if (!family)
    return Error{ErrorCode::unsupported, "the architecture " + formats::in_quotes(model->info.architecture) +
                                             " is not known (known are " + known_families() + ")"};
  FABULA_ASSIGN(const Hyperparameters hyper, read_gguf_hyperparameters(*file, *family));
  FABULA_ASSIGN(model->spec, build_spec(hyper, *family, Convention::gguf, *file));
  FABULA_ASSIGN(auto vocabulary, read_gguf_vocabulary(file->metadata()));
  std::vector<text::TokenId> ends = {vocabulary.eos, vocabulary.eot, vocabulary.eom};
  FABULA_ASSIGN(model->tokenizer, text::make_tokenizer_from_vocab(std::move(vocabulary)));
  FABULA_TRY(check_vocabulary(*model));
  model->end_tokens = collect_end_tokens(*model->tokenizer, std::move(ends));
  model->defaults = read_generation_defaults(file->metadata());
  attach_template(gguf_text_or_empty(file->metadata(), "tokenizer.chat_template"), *model);
  describe_tensors(*file, model->info);
  if (options.fingerprint) {
    FABULA_ASSIGN(model->info.fingerprint, fingerprint_of(file->files(), "", options));
  }
  return std::shared_ptr<const Model>(std::move(model));
}

Result<std::shared_ptr<const Model>> open_hf_model(const std::filesystem::path& folder,
                                                   const OpenOptions& options) {
  FABULA_ASSIGN(const HfModel opened, open_hf_weights(folder));
  auto model = std::make_shared<Model>();
  model->info.path = folder.string();
  model->info.format = "safetensors";
  const std::filesystem::path plain = folder.has_filename() ? folder : folder.parent_path();
  model->info.name = plain.filename().string();
  model->info.architecture = opened.model_type;
  model->source = opened.source;
  FABULA_ASSIGN(model->spec,
                build_spec(opened.hyper, *opened.family, Convention::hugging_face, *opened.source));
  FABULA_ASSIGN(model->tokenizer, open_hf_tokenizer(folder));
  FABULA_TRY(check_vocabulary(*model));
  FABULA_ASSIGN(const Json generation, read_generation_config(folder));
  model->defaults = read_generation_defaults(generation);
  std::vector<text::TokenId> ends = named_end_tokens(*opened.config);
  for (const text::TokenId id : named_end_tokens(generation)) ends.push_back(id);
  model->end_tokens = collect_end_tokens(*model->tokenizer, std::move(ends));
  FABULA_ASSIGN(const std::string chat_template, read_hf_template(folder));
  attach_template(chat_template, *model);
  describe_tensors(*opened.files, model->info);
  if (options.fingerprint) {
    FABULA_ASSIGN(model->info.fingerprint, fingerprint_of(opened.files->files(), opened.config_text, options));
  }
  return std::shared_ptr<const Model>(std::move(model));
}

// What stands at a path, told from content and not from the name's ending.
enum class Kind { gguf, folder, safetensors, json, other };

Result<Kind> kind_of(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return Kind::folder;
  FABULA_ASSIGN(const File file, File::open(path));
  char head[16] = {};
  const auto bytes =
      std::as_writable_bytes(std::span(head)).first(std::min<uint64_t>(sizeof head, file.size_bytes()));
  FABULA_TRY(file.read_at(0, bytes));
  const std::string_view text(head, bytes.size());
  if (text.starts_with("GGUF")) return Kind::gguf;
  if (text.size() >= 9 && text[8] == '{' && text.substr(4, 4) == std::string_view("\0\0\0\0", 4))
    return Kind::safetensors;
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') return Kind::json;
  return Kind::other;
}

Error not_a_model(const std::filesystem::path& path) {
  const auto file = File::open(path);
  std::string head(file.ok() ? std::min<uint64_t>(24, file->size_bytes()) : 0, '\0');
  if (!file.ok() || !file->read_at(0, std::as_writable_bytes(std::span(head))).ok()) head.clear();
  return {ErrorCode::corrupt,
          path.string() + " is no model file: it begins with " + formats::in_quotes(head) +
              "; expected was a GGUF file or a folder with config.json and model.safetensors"};
}

}  // namespace

Result<std::shared_ptr<const Model>> open_model(const std::filesystem::path& path,
                                                const OpenOptions& options) {
  FABULA_ASSIGN(const Kind kind, kind_of(path));
  const bool is_file_of_folder =
      kind == Kind::safetensors || (kind == Kind::json && path.filename() != "tokenizer.json");
  if (kind != Kind::gguf && kind != Kind::folder && !is_file_of_folder) return not_a_model(path);
  // A file of a Hugging Face folder means the folder.
  const std::filesystem::path folder =
      is_file_of_folder ? (path.has_parent_path() ? path.parent_path() : ".") : path;
  auto model = kind == Kind::gguf ? open_gguf_model(path, options) : open_hf_model(folder, options);
  if (!model.ok()) return in_file(model.error(), path);
  return model;
}

Result<std::shared_ptr<const text::Tokenizer>> open_tokenizer(const std::filesystem::path& path) {
  FABULA_ASSIGN(const Kind kind, kind_of(path));
  constexpr uint64_t max_bytes = uint64_t{64} << 20;
  const auto open = [&]() -> Result<std::shared_ptr<const text::Tokenizer>> {
    if (kind == Kind::folder) return open_hf_tokenizer(path);
    if (kind == Kind::gguf) {
      FABULA_ASSIGN(const auto file, formats::Gguf::open(path));
      return tokenizer_of_gguf(*file);
    }
    if (kind == Kind::safetensors) return open_hf_tokenizer(path.parent_path());
    FABULA_ASSIGN(const std::string bytes, read_file(path, max_bytes));
    if (kind == Kind::other) return text::make_tokenizer_from_sentencepiece(bytes);
    const std::filesystem::path config = path.parent_path() / "tokenizer_config.json";
    std::error_code ignored;
    if (!std::filesystem::exists(config, ignored)) return text::make_tokenizer_from_hf_json(bytes, "");
    FABULA_ASSIGN(const std::string config_text, read_file(config, max_bytes));
    return text::make_tokenizer_from_hf_json(bytes, config_text);
  };
  auto tokenizer = open();
  if (!tokenizer.ok()) return in_file(tokenizer.error(), path);
  return tokenizer;
}

}  // namespace fabula::model
