#include "core/model/hf_vocabulary.h"

#include <array>
#include <nlohmann/json.hpp>

#include "core/base/json.h"

namespace fabula::model {

namespace {

using formats::GgufValue;

// Token types of GGUF.
constexpr int32_t normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6;

// Most used first; several match where they differ only in what a vocabulary never meets.
constexpr std::array<std::string_view, 22> pre_names = {
    "llama-bpe",   "qwen2",        "gpt-2",          "smollm",    "gpt-4o",    "tekken",
    "deepseek-v3", "deepseek-llm", "deepseek-coder", "falcon",    "starcoder", "refact",
    "command-r",   "olmo",         "dbrx",           "smaug-bpe", "mpt",       "granite-docling",
    "stablelm2",   "poro-chat",    "chatglm-bpe",    "exaone"};

// Words, contractions of either case, digits in runs, spaces in runs, several scripts, symbols, code.
constexpr std::string_view telling_text =
    "Hello World! I'm HERE, you'LL see it's 3 33 333 3333 33333 and 3.14159.\n\n  Two  spaces,   three\tand "
    "a tab\t\t\n \n"
    "don't DON'T we've we'VE CamelCase snake_case _x __y 12ab ab12 #!/usr/bin/env python3\nint main() { "
    "return a[0]->b; } // ok\r\n"
    "Привет, мир! 你好，世界。こんにちは 안녕하세요 ¿Qué tal? naïve café 🚀🚀 😶‍🌫️ ½ ² Ⅷ ﷺ ... ?!?! "
    "===== ------ \n\n\n   \n x   ";

Error wrong(const std::string& why, ErrorCode code = ErrorCode::corrupt) {
  return {code, "tokenizer.json " + why};
}

struct Entries {
  std::vector<std::string> tokens;
  std::vector<int32_t> types;
};

bool is_id(const Json& value, size_t count) {
  return value.is_number_integer() && value >= 0 && value.get<uint64_t>() < count;
}

Result<Entries> read_entries(const Json& root, const Json& model, size_t n_rows) {
  Entries out{std::vector<std::string>(n_rows), std::vector<int32_t>(n_rows, unused)};
  for (size_t i = 0; i < n_rows; ++i) out.tokens[i] = "[PAD" + std::to_string(i) + "]";
  const auto put = [&](const std::string& token, const Json& id, int32_t type) {
    if (!is_id(id, n_rows)) return false;
    out.tokens[id.get<size_t>()] = token;
    out.types[id.get<size_t>()] = type;
    return true;
  };
  for (const auto& [token, id] : model["vocab"].items()) {
    const bool is_byte = token.size() == 6 && token.starts_with("<0x") && token.back() == '>';
    const bool is_unknown = model.contains("unk_token") && model["unk_token"] == token;
    if (!put(token, id, is_byte ? byte : is_unknown ? unknown : normal))
      return wrong("has ids that the embedding has no row for");
  }
  const auto added = root.find("added_tokens");
  if (added == root.end() || !added->is_array()) return out;
  for (const Json& entry : *added) {
    const bool sound = entry.is_object() && entry.contains("content") && entry["content"].is_string() &&
                       entry.contains("id");
    if (!sound) return wrong("has an added token without content or id");
    const bool is_special = entry.contains("special") && entry["special"] == true;
    if (!put(entry["content"].get<std::string>(), entry["id"], is_special ? control : user_defined))
      return wrong("has ids that the embedding has no row for");
  }
  return out;
}

Result<std::vector<std::string>> read_merges(const Json& model) {
  std::vector<std::string> merges;
  const auto at = model.find("merges");
  if (at == model.end() || !at->is_array()) return wrong("has no merges");
  for (const Json& merge : *at) {
    const bool is_pair =
        merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    if (!merge.is_string() && !is_pair) return wrong("has a merge that is no pair");
    merges.push_back(is_pair ? merge[0].get<std::string>() + " " + merge[1].get<std::string>()
                             : merge.get<std::string>());
  }
  return merges;
}

bool mentions_byte_level(const Json& step) {
  if (!step.is_object()) return false;
  if (step.contains("type") && step["type"] == "ByteLevel") return true;
  for (const char* list : {"pretokenizers", "decoders"})
    if (step.contains(list) && step[list].is_array())
      for (const Json& inner : step[list])
        if (mentions_byte_level(inner)) return true;
  return false;
}

bool agrees(const text::VocabSpec& vocabulary, const text::Tokenizer& reference, std::string_view text) {
  const auto tokenizer = text::make_tokenizer_from_vocab(vocabulary);
  const text::EncodeOptions plain{.add_special = false, .parse_special = false};
  return tokenizer.ok() && (*tokenizer)->encode(text, plain) == reference.encode(text, plain);
}

// SentencePiece's BPE merges what scores highest; a merge's rank becomes the score of what it makes.
void score_by_rank(const std::vector<std::string>& merges, text::VocabSpec& vocabulary) {
  std::map<std::string, float, std::less<>> rank;
  for (size_t i = 0; i < merges.size(); ++i) {
    std::string made = merges[i];
    made.erase(made.find(' '), 1);
    rank.emplace(std::move(made), -static_cast<float>(i));
  }
  for (const std::string& token : vocabulary.tokens) {
    const auto at = rank.find(token);
    vocabulary.scores.push_back(at == rank.end() ? -1e6f : at->second);
  }
}

}  // namespace

Result<text::VocabSpec> vocabulary_from_hf(std::string_view tokenizer_json, const text::Tokenizer& reference,
                                           int64_t n_rows) {
  FABULA_ASSIGN(const Json root, parse_json(tokenizer_json, "tokenizer.json"));
  const auto model = root.is_object() ? root.find("model") : root.end();
  const bool is_bpe = root.is_object() && model != root.end() && model->is_object() &&
                      model->contains("vocab") && (*model)["vocab"].is_object();
  if (!is_bpe)
    return wrong("is no BPE vocabulary, which is what can be written to GGUF", ErrorCode::unsupported);
  FABULA_ASSIGN(Entries entries, read_entries(root, *model, static_cast<size_t>(n_rows)));
  FABULA_ASSIGN(std::vector<std::string> merges, read_merges(*model));
  text::VocabSpec vocabulary;
  vocabulary.tokens = std::move(entries.tokens);
  vocabulary.token_types = std::move(entries.types);
  vocabulary.bos = reference.bos_or_negative();
  vocabulary.eos = reference.eos_or_negative();
  vocabulary.add_bos = reference.adds_bos() ? 1 : 0;
  if (model->contains("unk_token") && (*model)["unk_token"].is_string())
    vocabulary.unknown = reference.find_or_negative((*model)["unk_token"].get<std::string>());
  const bool byte_level = (root.contains("pre_tokenizer") && mentions_byte_level(root["pre_tokenizer"])) ||
                          (root.contains("decoder") && mentions_byte_level(root["decoder"]));
  if (!byte_level) {
    vocabulary.model = "llama";
    vocabulary.pre = "default";
    vocabulary.add_eos = 0;
    const auto begin = reference.encode("a", {.add_special = false, .parse_special = false});
    const std::string_view first = begin.empty() ? "" : reference.token_text_or_empty(begin.front());
    vocabulary.add_space_prefix = first.starts_with("▁") ? 1 : 0;
    score_by_rank(merges, vocabulary);
    if (agrees(vocabulary, reference, "Once upon a time, there was a little girl. She said: I am happy!"))
      return vocabulary;
    return wrong("cannot be expressed as a GGUF vocabulary: it gives other tokens there",
                 ErrorCode::unsupported);
  }
  vocabulary.model = "gpt2";
  vocabulary.merges = std::move(merges);
  for (const std::string_view name : pre_names) {
    vocabulary.pre = name;
    if (agrees(vocabulary, reference, telling_text)) return vocabulary;
  }
  return wrong("splits words in a way that GGUF has no name for", ErrorCode::unsupported);
}

void export_vocabulary(const text::VocabSpec& vocabulary, formats::GgufMetadata& metadata) {
  const auto set = [&](const char* key, GgufValue value) {
    metadata.insert_or_assign("tokenizer.ggml." + std::string(key), std::move(value));
  };
  const auto numbers = [](formats::GgufType type, const auto& list) {
    GgufValue value;
    value.element = type;
    value.is_array = true;
    value.count = list.size();
    value.bytes.assign(reinterpret_cast<const char*>(list.data()), list.size() * 4);
    return value;
  };
  set("model", GgufValue::text(vocabulary.model));
  set("pre", GgufValue::text(vocabulary.pre));
  set("tokens", GgufValue::texts(vocabulary.tokens));
  set("token_type", numbers(formats::GgufType::i32, vocabulary.token_types));
  if (!vocabulary.scores.empty()) set("scores", numbers(formats::GgufType::f32, vocabulary.scores));
  if (!vocabulary.merges.empty()) set("merges", GgufValue::texts(vocabulary.merges));
  const auto id = [&](const char* key, text::TokenId token) {
    if (token >= 0) set(key, GgufValue::u32(static_cast<uint32_t>(token)));
  };
  id("bos_token_id", vocabulary.bos);
  id("eos_token_id", vocabulary.eos);
  id("unknown_token_id", vocabulary.unknown);
  const auto truth = [&](const char* key, int value) {
    if (value >= 0) set(key, GgufValue::boolean(value != 0));
  };
  truth("add_bos_token", vocabulary.add_bos);
  truth("add_eos_token", vocabulary.add_eos);
  truth("add_space_prefix", vocabulary.add_space_prefix);
}

}  // namespace fabula::model
