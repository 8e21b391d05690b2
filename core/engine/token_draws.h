// The next tokens of a step: one draw for each sequence, some beside each other on the executor's workers. A draw is a function of its
// own sequence alone (NUMERICS 6), so that neither their order nor who makes them can show.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/engine/sampler.h"
#include "core/engine/sequence.h"

namespace fabula::engine {

// Thread: the engine thread. Nothing is allocated once there were as many draws as there ever are, but for alternatives.
class TokenDraws {
 public:
  struct Draw {
    Sequence* sequence = nullptr;
    int64_t row = 0;                    // of the last step
    int ranks = 0;                      // as SequenceSlice::ranked of that row
    std::span<const uint64_t> allowed;  // as Sampler::sample; valid until make() returns
    Status status;                      // of the draw
    Choice choice;
    std::vector<Choice> alternatives;  // where the request wants some
  };

  TokenDraws(compute::Executor& executor, int64_t vocab);

  void clear() { n_ = 0; }
  void add(Sequence& sequence, int64_t row, int ranks, std::span<const uint64_t> allowed);
  // What was added since clear(), drawn; in that order.
  std::span<Draw> make();

 private:
  void make(Draw& draw, Sampler& sampler) const;
  Sampler& sampler_of(int worker);

  compute::Executor& executor_;
  const int64_t vocab_;
  std::vector<Draw> draws_;  // the first n_ count
  size_t n_ = 0;
  std::vector<std::unique_ptr<Sampler>> samplers_;  // by worker; megabytes each, so made where one is called upon
};

}  // namespace fabula::engine
