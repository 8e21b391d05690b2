#include "core/text/hf_models.h"

#include "core/text/hf_json.h"

namespace fabula::text {

namespace {

// Old files name no type: Hugging Face tells by the fields.
std::string model_type(const Json& json) {
  const std::string type = string_field_or(json, "type", "");
  if (!type.empty()) return type;
  if (json.is_object() && json.contains("merges")) return "BPE";
  if (json.is_object() && json.contains("unk_id")) return "Unigram";
  return json.is_object() && json.contains("max_input_chars_per_word") ? "WordPiece" : "";
}

}  // namespace

bool is_bpe(const Json& json) {
  return model_type(json) == "BPE";
}

Status read_vocabulary(const Json& json, HfVocabulary& vocabulary) {
  if (!json.is_object()) return wrong_field("model", "vocab", "an object");
  size_t bytes = 0;
  int32_t largest = -1;
  for (const auto& [token, value] : json.items()) {
    FABULA_ASSIGN(const int32_t id, id_value(value, "model", "vocab"));
    largest = std::max(largest, id);
    bytes += token.size();
  }
  // Ids far beyond the count would allocate what the file does not hold.
  if (largest >= 0 && static_cast<size_t>(largest) > json.size() * 8 + 65536)
    return wrong_field("model", "vocab", "without such gaps between ids");
  vocabulary.index.reserve(json.size(), bytes);
  vocabulary.tokens.resize(static_cast<size_t>(largest + 1));
  for (const auto& [token, value] : json.items()) {
    const auto id = value.get<int32_t>();
    vocabulary.tokens[static_cast<size_t>(id)] = token;
    vocabulary.index.insert(token, id);
  }
  return {};
}

std::vector<TokenId> byte_tokens(const HfVocabulary& vocabulary) {
  std::vector<TokenId> ids(256);
  for (size_t b = 0; b < 256; ++b) {
    constexpr char kHex[] = "0123456789ABCDEF";
    const char name[] = {'<', '0', 'x', kHex[b >> 4], kHex[b & 15], '>'};
    ids[b] = vocabulary.index.find_or_negative({name, sizeof name});
  }
  return ids;
}

Result<std::unique_ptr<HfModel>> make_hf_model(const Json& json, bool bytes) {
  if (!json.is_object()) return Error{ErrorCode::corrupt, "tokenizer.json: there is no model"};
  const std::string type = model_type(json);
  if (type == "BPE") return make_bpe(json, bytes);
  if (type == "Unigram") return make_unigram(json);
  if (type == "WordPiece") return make_word_piece(json);
  return unknown_type("model", type);
}

}  // namespace fabula::text
