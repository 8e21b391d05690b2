#include "core/model/gguf_vocabulary.h"

#include <limits>

namespace fabula::model {

namespace {

using formats::GgufMetadata;
using formats::GgufType;
using formats::GgufValue;

constexpr uint64_t max_tokens = uint64_t{1} << 20;  // the largest vocabularies in use have about 260,000
constexpr uint64_t max_merges = uint64_t{1} << 21;

Error wrong(std::string_view key, const std::string& why) {
  return {ErrorCode::corrupt, "the metadata key tokenizer.ggml." + std::string(key) + " " + why};
}

const GgufValue* find(const GgufMetadata& metadata, std::string_view key) {
  return formats::find_or_null(metadata, "tokenizer.ggml." + std::string(key));
}

Result<std::vector<std::string>> texts(const GgufMetadata& metadata, std::string_view key, uint64_t most) {
  std::vector<std::string> out;
  const GgufValue* value = find(metadata, key);
  if (!value) return out;
  if (!value->is_array || value->element != GgufType::string) return wrong(key, "is no list of texts");
  if (value->count > most)
    return wrong(key, "has " + std::to_string(value->count) + " entries; at most " + std::to_string(most) +
                          " make sense");
  out.reserve(value->count);
  for (uint64_t i = 0; i < value->count; ++i) out.emplace_back(*value->text_or_none(i));
  return out;
}

template <class T>
Result<std::vector<T>> numbers(const GgufMetadata& metadata, std::string_view key, GgufType type,
                               size_t count) {
  std::vector<T> out;
  const GgufValue* value = find(metadata, key);
  if (!value) return out;
  const bool also_unsigned = type == GgufType::i32 && value->element == GgufType::u32;
  if (!value->is_array || (value->element != type && !also_unsigned))
    return wrong(key, "is no list of " + std::string(gguf_type_name(type)));
  if (value->count != count)
    return wrong(key, "has " + std::to_string(value->count) + " entries; there are " + std::to_string(count) +
                          " tokens");
  out.resize(value->count);
  if (!out.empty()) std::memcpy(out.data(), value->bytes.data(), value->bytes.size());
  return out;
}

// An id beyond the vocabulary is as good as none: files in the wild have them, and nothing can be looked up
// with it.
text::TokenId token_id(const GgufMetadata& metadata, std::string_view key, size_t count) {
  const GgufValue* value = find(metadata, key);
  const auto id = value && !value->is_array ? value->integer_or_none() : std::nullopt;
  return id && *id >= 0 && static_cast<uint64_t>(*id) < count ? static_cast<text::TokenId>(*id) : -1;
}

Result<int> truth(const GgufMetadata& metadata, std::string_view key) {
  const GgufValue* value = find(metadata, key);
  if (!value) return -1;
  const auto is_true = value->boolean_or_none();
  if (!is_true) return wrong(key, "is no truth value");
  return *is_true ? 1 : 0;
}

Result<std::string> text_or_empty(const GgufMetadata& metadata, std::string_view key) {
  const GgufValue* value = find(metadata, key);
  if (!value) return std::string();
  const auto text = value->is_array ? std::nullopt : value->text_or_none();
  if (!text) return wrong(key, "is no text");
  return std::string(*text);
}

}  // namespace

Result<text::VocabSpec> read_gguf_vocabulary(const GgufMetadata& metadata) {
  text::VocabSpec vocab;
  if (!find(metadata, "model"))
    return Error{ErrorCode::not_found, "the file has no vocabulary (no tokenizer.ggml.model)"};
  FABULA_ASSIGN(vocab.model, text_or_empty(metadata, "model"));
  FABULA_ASSIGN(vocab.pre, text_or_empty(metadata, "pre"));
  FABULA_ASSIGN(vocab.tokens, texts(metadata, "tokens", max_tokens));
  if (vocab.tokens.empty()) return wrong("tokens", "is missing or empty");
  const size_t count = vocab.tokens.size();
  FABULA_ASSIGN(vocab.scores, numbers<float>(metadata, "scores", GgufType::f32, count));
  FABULA_ASSIGN(vocab.token_types, numbers<int32_t>(metadata, "token_type", GgufType::i32, count));
  FABULA_ASSIGN(vocab.merges, texts(metadata, "merges", max_merges));
  if (vocab.model == "gpt2" && !find(metadata, "merges")) return wrong("merges", "is missing");
  vocab.bos = token_id(metadata, "bos_token_id", count);
  vocab.eos = token_id(metadata, "eos_token_id", count);
  vocab.eot = token_id(metadata, "eot_token_id", count);
  vocab.eom = token_id(metadata, "eom_token_id", count);
  vocab.unknown = token_id(metadata, "unknown_token_id", count);
  vocab.padding = token_id(metadata, "padding_token_id", count);
  vocab.separator = token_id(metadata, "seperator_token_id", count);  // the format's own spelling
  FABULA_ASSIGN(vocab.add_bos, truth(metadata, "add_bos_token"));
  FABULA_ASSIGN(vocab.add_eos, truth(metadata, "add_eos_token"));
  FABULA_ASSIGN(vocab.add_space_prefix, truth(metadata, "add_space_prefix"));
  FABULA_ASSIGN(vocab.remove_extra_whitespaces, truth(metadata, "remove_extra_whitespaces"));
  if (const GgufValue* map = find(metadata, "precompiled_charsmap");
      map && map->is_array && gguf_type_bytes(map->element) == 1)
    vocab.precompiled_charsmap = map->bytes;
  if (const GgufValue* name = formats::find_or_null(metadata, "general.name"); name && !name->is_array)
    vocab.model_name = name->text_or_none().value_or("");
  return vocab;
}

}  // namespace fabula::model
