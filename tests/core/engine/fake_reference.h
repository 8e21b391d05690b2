// What the engine must answer with the fake model: computed from scratch, token by token, without cache,
// batch or thread.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "core/engine/engine.h"
#include "tests/core/engine/engine_harness.h"
#include "tests/core/engine/fake_executor.h"

namespace fabula::test {

struct Expected {
  std::vector<int32_t> tokens;
  engine::FinishReason reason = engine::FinishReason::length;
};

inline Expected expected_reply(const engine::GenerateRequest& request, int64_t context,
                               int64_t end_token_every = 0, bool repetitive = false) {
  Expected expected;
  engine::Sampler sampler(fake_vocab);
  engine::SamplerState state;
  std::vector<int32_t> tokens = request.prompt;
  while (static_cast<int64_t>(tokens.size()) < context) {
    const auto logits = fake_logits(tokens, end_token_every, repetitive);
    const int32_t token = sampler
                              .sample(logits.data(), tokens, static_cast<int64_t>(tokens.size()),
                                      request.seed, request.choice_index, request.sampler, &state)
                              ->token;
    tokens.push_back(token);
    expected.tokens.push_back(token);
    if (token == fake_end_token && !request.ignore_end_tokens) {
      expected.reason = engine::FinishReason::stop;
      break;
    }
    if (static_cast<int64_t>(expected.tokens.size()) == request.max_tokens) break;
  }
  return expected;
}

constexpr int64_t never = 1'000'000;  // FakeDials::end_token_every for replies of a known length

inline void check_reply(const Reply& reply, const engine::GenerateRequest& request, int64_t context,
                        int64_t end_token_every = 0) {
  const auto want = expected_reply(request, context, end_token_every);
  CHECK(reply.tokens == want.tokens);
  CHECK(reply.reason == want.reason);
}

}  // namespace fabula::test
