#include "core/model/hf_files.h"

#include <nlohmann/json.hpp>
#include <system_error>

#include "core/base/file.h"

namespace fabula::model {

namespace {

// A tree of JSON takes up to some twenty times its text: these bounds keep a hostile file cheap.
constexpr uint64_t max_config_bytes = uint64_t{1} << 20;
constexpr uint64_t max_tokenizer_config_bytes = uint64_t{8} << 20;
constexpr uint64_t max_template_bytes = uint64_t{1} << 20;
constexpr uint64_t max_tokenizer_bytes = uint64_t{64} << 20;

// "" where the file is absent.
Result<std::string> read_if_present(const std::filesystem::path& path, uint64_t most) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::string();
  return read_file(path, most);
}

// Since 2024 a list of named templates may stand there: "default" is the one meant for chat.
std::string template_of(const Json& config) {
  const auto at = config.is_object() ? config.find("chat_template") : config.end();
  if (!config.is_object() || at == config.end()) return {};
  if (at->is_string()) return at->get<std::string>();
  if (!at->is_array()) return {};
  for (const Json& entry : *at) {
    const bool is_default = entry.is_object() && entry.contains("name") && entry["name"] == "default";
    if (is_default && entry.contains("template") && entry["template"].is_string())
      return entry["template"].get<std::string>();
  }
  return {};
}

}  // namespace

Result<std::string> read_config_text(const std::filesystem::path& folder) {
  return read_file(folder / "config.json", max_config_bytes);
}

Result<std::shared_ptr<const text::Tokenizer>> open_hf_tokenizer(const std::filesystem::path& folder) {
  FABULA_ASSIGN(const std::string config,
                read_if_present(folder / "tokenizer_config.json", max_tokenizer_config_bytes));
  FABULA_ASSIGN(const std::string json, read_if_present(folder / "tokenizer.json", max_tokenizer_bytes));
  if (!json.empty()) {
    auto tokenizer = text::make_tokenizer_from_hf_json(json, config);
    if (!tokenizer.ok())
      return Error{tokenizer.error().code,
                   (folder / "tokenizer.json").string() + ": " + tokenizer.error().message};
    return tokenizer;
  }
  FABULA_ASSIGN(const std::string pieces, read_if_present(folder / "tokenizer.model", max_tokenizer_bytes));
  if (pieces.empty())
    return Error{ErrorCode::not_found,
                 folder.string() + " holds no tokenizer (neither tokenizer.json nor tokenizer.model)"};
  auto tokenizer = text::make_tokenizer_from_sentencepiece(pieces, config);
  if (!tokenizer.ok())
    return Error{tokenizer.error().code,
                 (folder / "tokenizer.model").string() + ": " + tokenizer.error().message};
  return tokenizer;
}

Result<std::string> read_hf_template(const std::filesystem::path& folder) {
  FABULA_ASSIGN(std::string own_file, read_if_present(folder / "chat_template.jinja", max_template_bytes));
  if (!own_file.empty()) return own_file;
  for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
    FABULA_ASSIGN(const std::string text, read_if_present(folder / name, max_tokenizer_config_bytes));
    if (text.empty()) continue;
    FABULA_ASSIGN(const Json config, parse_json(text, (folder / name).string()));
    if (std::string found = template_of(config); !found.empty()) return found;
  }
  return std::string();
}

Result<Json> read_generation_config(const std::filesystem::path& folder) {
  FABULA_ASSIGN(const std::string text, read_if_present(folder / "generation_config.json", max_config_bytes));
  if (text.empty()) return Json();
  return parse_json(text, (folder / "generation_config.json").string());
}

}  // namespace fabula::model
