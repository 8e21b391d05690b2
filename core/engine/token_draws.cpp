#include "core/engine/token_draws.h"

#include <algorithm>
#include <new>

namespace fabula::engine {

TokenDraws::TokenDraws(compute::Executor& executor, int64_t vocab) : executor_(executor), vocab_(vocab) {
  samplers_.push_back(std::make_unique<Sampler>(vocab));
}

void TokenDraws::add(Sequence& sequence, int64_t row, int ranks, std::span<const uint64_t> allowed) {
  if (n_ == draws_.size()) draws_.emplace_back();
  Draw& draw = draws_[n_++];
  draw.sequence = &sequence;
  draw.row = row;
  draw.ranks = ranks;
  draw.allowed = allowed;
  draw.alternatives.clear();
}

std::span<TokenDraws::Draw> TokenDraws::make() {
  const auto workers = static_cast<size_t>(std::max(executor_.info().threads, 1));
  if (samplers_.size() < workers) samplers_.resize(workers);
  executor_.share_out(static_cast<int64_t>(n_), [this](int64_t i, int worker) {
    Draw& draw = draws_[static_cast<size_t>(i)];
    try {
      make(draw, sampler_of(worker));
    } catch (const std::bad_alloc&) {
      draw.status = Error{ErrorCode::out_of_memory, "there is not enough memory to choose a token"};
    }
  });
  return std::span(draws_).first(n_);
}

Sampler& TokenDraws::sampler_of(int worker) {
  std::unique_ptr<Sampler>& sampler = samplers_[static_cast<size_t>(worker)];
  if (!sampler) sampler = std::make_unique<Sampler>(vocab_);
  return *sampler;
}

void TokenDraws::make(Draw& draw, Sampler& sampler) const {
  Sequence& sequence = *draw.sequence;
  const GenerateRequest& request = sequence.request;
  const float* logits = executor_.logits() + draw.row * vocab_;
  const Result<Choice> choice =
      draw.ranks > 0
          ? sampler.sample(executor_.ranked_row(draw.row), sequence.size(), request.seed, request.choice_index, request.sampler)
          : sampler.sample(logits, sequence.tokens, sequence.size(), request.seed, request.choice_index, request.sampler,
                           &sequence.sampler, draw.allowed);
  draw.status = choice.ok() ? Status() : Status(choice.error());
  if (!choice.ok()) return;
  draw.choice = *choice;
  if (request.top_logprobs == 0) return;
  draw.status = draw.ranks > 0 ? Sampler::top(executor_.ranked_row(draw.row), request.top_logprobs, draw.alternatives)
                               : sampler.top(logits, request.top_logprobs, draw.alternatives);
}

}  // namespace fabula::engine
