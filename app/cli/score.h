// How well a model predicts a text.
#pragma once

#include <cstdint>
#include <string>

#include "app/cli/common.h"

namespace fabula::cli {

struct TextScore {
  int64_t tokens = 0;
  double nll = 0;  // total in nats over the predicted tokens

  double perplexity() const;
};

// Loads the model for this alone; windows of at most 512 tokens, half of it as stride, KV in f32.
// Errors: as loading.
Result<TextScore> score_text(const App& app, EngineFlags flags, const std::string& model,
                             const std::string& text);

}  // namespace fabula::cli
