// The pre-tokenizers of tokenizer.json: each cuts the pieces of the one before, some rewrite them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/text/splitter.h"

namespace fabula::text {

// A text and the parts of it that are still in play, in order and not empty.
struct Pieces {
  std::string text;
  std::vector<Match> spans;
  bool at_beginning = true;  // the text begins where the user's does: what Metaspace's "first" asks
  bool continues = false;    // and there nothing is put in front
};

// Immutable. Thread: const calls from any thread at once.
class PreTokenizerStep {
 public:
  virtual ~PreTokenizerStep() = default;
  virtual void apply(Pieces& pieces) const = 0;
};

struct PreTokenizerChain {
  std::vector<std::unique_ptr<PreTokenizerStep>> steps;
  // The last step writes bytes in GPT-2's alphabet. It is not among the steps: a model of bytes reads the
  // bytes themselves.
  bool ends_in_byte_alphabet = false;
};

// null: an empty chain. Errors: corrupt, unsupported (an unknown type, by name).
Result<PreTokenizerChain> make_pretokenizer(const Json& json);

// The last step after all, for models that are not of bytes.
std::unique_ptr<PreTokenizerStep> make_byte_alphabet_step();

// {"String": ...} or {"Regex": ...}
Result<std::unique_ptr<Splitter>> make_pattern(const Json& json, std::string_view owner);

}  // namespace fabula::text
