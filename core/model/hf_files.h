// The small files beside the weights of a Hugging Face directory: configuration, template, tokenizer,
// defaults.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/text/tokenizer.h"

namespace fabula::model {

// config.json as text; errors: not_found, corrupt.
Result<std::string> read_config_text(const std::filesystem::path& folder);

// tokenizer.json, else tokenizer.model. Errors: not_found, corrupt, unsupported.
Result<std::shared_ptr<const text::Tokenizer>> open_hf_tokenizer(const std::filesystem::path& folder);

// chat_template.jinja, else what tokenizer_config.json says; "" where there is none. Errors: corrupt.
Result<std::string> read_hf_template(const std::filesystem::path& folder);

// Json() where there is no generation_config.json. Errors: corrupt.
Result<Json> read_generation_config(const std::filesystem::path& folder);

}  // namespace fabula::model
