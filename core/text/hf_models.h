// The models of tokenizer.json: what turns a piece of text into ids.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/text/bpe.h"
#include "core/text/string_table.h"
#include "core/text/tokenizer.h"
#include "core/text/word_cache.h"

namespace fabula::text {

struct HfVocabulary {
  std::vector<std::string> tokens;  // by id; gaps are empty and not in the index
  StringTable index;
};

// Room for one call of encode.
struct HfScratch {
  explicit HfScratch(size_t text_bytes) : cache(text_bytes) {}
  WordCache cache;
  BpeScratch bpe;
  std::vector<int32_t> word;
};

// Immutable. Thread: const calls from any thread at once.
class HfModel {
 public:
  virtual ~HfModel() = default;
  virtual void encode(std::string_view piece, HfScratch& scratch, std::vector<TokenId>& ids) const = 0;

  HfVocabulary vocabulary;
  TokenId unknown = -1;
  bool byte_fallback = false;
};

// `bytes`: pieces come as bytes, not in GPT-2's alphabet; asked of BPE only. Errors: corrupt, unsupported (by
// name).
Result<std::unique_ptr<HfModel>> make_hf_model(const Json& json, bool bytes);
bool is_bpe(const Json& json);

Result<std::unique_ptr<HfModel>> make_bpe(const Json& json, bool bytes);
Result<std::unique_ptr<HfModel>> make_unigram(const Json& json);
Result<std::unique_ptr<HfModel>> make_word_piece(const Json& json);

// {"token": id, ...} into the model's vocabulary.
Status read_vocabulary(const Json& json, HfVocabulary& vocabulary);
// The ids of <0x00> to <0xFF>, -1 where absent.
std::vector<TokenId> byte_tokens(const HfVocabulary& vocabulary);

}  // namespace fabula::text
