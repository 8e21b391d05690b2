// A text that belongs to no session, written on by the host's engine for another process (`fabula-cli generate`
// beside a window that has the model): all that decides on its tokens, and what came of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine/engine.h"

namespace fabula::session {

struct TextRequest {
  std::string id;           // chosen by whoever asks; followers hear its pieces as message `id` of session ""
  engine::ModelLoad model;  // as it would be loaded here: the host's must fit, see fits()
  std::vector<int32_t> prompt;
  engine::SamplerSettings sampler;
  uint64_t seed = 0;
  int64_t max_tokens = 0;
  std::vector<std::string> stop;
};

struct TextReply {
  std::vector<int32_t> tokens;
  std::string text;
  engine::FinishReason reason = engine::FinishReason::stop;
  engine::PromptStats prompt;
  engine::DecodeStats decode;
};

// Whether a model that was loaded as `loaded` gives the words that one loaded as `asked` would: the same file, types and
// context. The number of threads changes none; asked for by name, it is a wish to be kept all the same.
bool fits(const engine::ModelLoad& loaded, const engine::ModelLoad& asked);

}  // namespace fabula::session
