// What tests ask of the fake model.
#pragma once

#include <random>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "tests/core/engine/fake_executor.h"

namespace fabula::test {

inline engine::EngineOptions options_of(const FakeSetup& setup) {
  engine::EngineOptions options;
  options.backends = setup.backends();
  return options;
}

inline std::vector<int32_t> some_prompt(uint64_t seed, size_t n) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> prompt(n);
  for (int32_t& token : prompt) token = static_cast<int32_t>(10 + random() % 280);
  return prompt;
}

inline engine::GenerateRequest request_of(engine::ModelId model, std::vector<int32_t> prompt, int64_t max_tokens = 40,
                                          uint64_t seed = 5) {
  engine::GenerateRequest request;
  request.model = model;
  request.prompt = std::move(prompt);
  request.max_tokens = max_tokens;
  request.seed = seed;
  return request;
}

}  // namespace fabula::test
