// The decoders of tokenizer.json, as stages that token texts run through one by one. A stage may hold tokens
// back until it knows what they become; nothing that was written is taken back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"

namespace fabula::text {

class DecoderStage {
 public:
  virtual ~DecoderStage() = default;
  virtual void push(std::string token, std::vector<std::string>& out) = 0;
  virtual void finish(std::vector<std::string>&) {}
};

// What makes the stages of one running decode. Immutable.
class Decoder {
 public:
  virtual ~Decoder() = default;
  // `continues`: no rule of a first token applies.
  virtual void add_stages(std::vector<std::unique_ptr<DecoderStage>>& stages, bool continues) const = 0;
};

// null: tokens are joined by spaces. Errors: corrupt, unsupported (an unknown type, by name).
Result<std::unique_ptr<Decoder>> make_decoder(const Json& json);

}  // namespace fabula::text
