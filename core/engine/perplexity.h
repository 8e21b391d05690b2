// How well a model predicts a text, and what quantising it changed about that.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "core/engine/engine.h"

namespace fabula::engine {

struct TextScore {
  int64_t tokens = 0;
  double nll = 0;  // total in nats over the predicted tokens

  double perplexity() const;
};

// Every token is predicted once, from the longest context available.
struct ScoreWindows {
  int32_t first_token = -1;  // BOS, which leads each window; negative: the text's own tokens alone
  int64_t window = 0;        // tokens, first_token included
  int64_t stride = 0;        // 1 .. window without first_token
};

// Errors: as Engine::evaluate.
Result<TextScore> score_tokens(Engine& engine, ModelId model, std::span<const int32_t> text, const ScoreWindows& windows,
                               const std::atomic<bool>* cancel = nullptr);

struct ScoreChange {
  TextScore before, after;
  double percent() const { return 100.0 * (after.perplexity() / before.perplexity() - 1.0); }
};

struct ScoreRun {
  std::string isa;
  int threads = 0;
  std::function<void(double fraction)> on_progress;  // on the calling thread
  const std::atomic<bool>* cancel = nullptr;
};

// Loads one model after the other, for this alone; windows of at most 512 tokens with half of it as stride, KV in f32. Blocks.
// Errors: those of loading; invalid_argument (the text has too few tokens), cancelled.
Result<ScoreChange> compare_models(const std::filesystem::path& before, const std::filesystem::path& after, std::string_view text,
                                   const ScoreRun& run);

}  // namespace fabula::engine
