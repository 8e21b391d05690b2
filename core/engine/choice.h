// One token and how likely it was.
#pragma once

#include <cstdint>

namespace fabula::engine {

struct Choice {
  int32_t token = 0;
  float logprob = 0;  // natural log of the softmax of the unmodified logits
};

}  // namespace fabula::engine
