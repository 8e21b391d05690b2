// The normalizers of tokenizer.json. Texts are well-formed UTF-8 before and after.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/base/result.h"

namespace fabula::text {

// Immutable. Thread: const calls from any thread at once.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // `continues`: what is put in front of a text is left out.
  virtual void normalize(std::string& text, bool continues = false) const = 0;
};

// null: nothing is done (a null pointer). Errors: corrupt, unsupported (an unknown type, by name).
Result<std::unique_ptr<Normalizer>> make_normalizer(const Json& json);

// SentencePiece's precompiled_charsmap: bytes of a double array (darts-clone) and the replacements. Every
// step is bounded.
Result<std::unique_ptr<Normalizer>> make_precompiled_normalizer(std::string charsmap);
Status check_precompiled_charsmap(std::string_view charsmap);

}  // namespace fabula::text
