// A model as the user has it: a GGUF file (or the first of a split), or a directory in Hugging Face layout.
// Opening reads headers only; weights are read by an Executor.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/compute/model_spec.h"
#include "core/formats/tensor.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace fabula::model {

// From generation_config.json, where it says so.
struct GenerationDefaults {
  std::optional<float> temperature, top_p, min_p, typical_p, repetition_penalty;
  std::optional<int> top_k;
};

struct ModelInfo {
  std::string name;  // general.name, or the directory's or file's name
  std::string path;
  std::string format;        // "gguf" or "safetensors"
  std::string architecture;  // "llama"
  std::string licence;       // "" where unknown
  uint64_t parameters = 0;
  uint64_t bytes = 0;                 // of all tensors as stored
  std::map<std::string, int> dtypes;  // "Q4_1" -> 210
  std::string fingerprint;            // identifies header and tensor bytes (see fingerprint.h); hex
};

// Immutable after opening. Thread: const use from any thread.
struct Model {
  ModelInfo info;
  compute::ModelSpec spec;  // points into *source
  std::shared_ptr<const formats::TensorSource> source;
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::shared_ptr<const text::ChatTemplate>
      chat_template;                      // null: the model has none; Chat says why, Story works
  std::string chat_template_error;        // why there is none, in plain words
  std::vector<text::TokenId> end_tokens;  // a set: config, generation_config, GGUF eos/eot/eom
  GenerationDefaults defaults;
};

struct OpenOptions {
  std::filesystem::path fingerprint_folder;  // below the cache: remembers fingerprints of large files; "":
                                             // nothing is remembered
  bool fingerprint = true;  // false: info.fingerprint stays empty, for lists and sizes; tensors are not read
  int fingerprint_threads = 0;                // 0: by the machine
  const std::atomic<bool>* cancel = nullptr;  // looked at while the fingerprint is computed
};

// `path`: a GGUF file, any part of a split one, a Hugging Face folder or its config.json, model.safetensors
// or index. Errors: not_found, corrupt, unsupported (architecture, flag or tensor by name), io, cancelled. The message
// names the file.
Result<std::shared_ptr<const Model>> open_model(const std::filesystem::path& path,
                                                const OpenOptions& options = {});

// A bare tokenizer.json, .model or vocabulary-only GGUF, besides anything open_model takes.
Result<std::shared_ptr<const text::Tokenizer>> open_tokenizer(const std::filesystem::path& path);

}  // namespace fabula::model
