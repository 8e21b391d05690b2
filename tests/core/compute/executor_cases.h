// Test bodies that executors of the CPU and of the GPU share.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/compute/executor.h"
#include "tests/core/compute/compute_support.h"
#include "tests/core/compute/random_model.h"

namespace fabula::test {

struct ModelCase {
  const char* name;
  RandomModelOptions options;
};
std::vector<ModelCase> model_cases();  // one for every flag of a model

bool same_bits(const std::vector<float>& a, const std::vector<float>& b);

// Logits of n_tokens (at most 96) positions of every case in f32 against a forward pass in double.
using LoadModel = std::function<std::unique_ptr<compute::Executor>(const RandomModel&, const compute::LoadOptions&)>;
void check_every_model(const LoadModel& load, int64_t n_tokens);

// Blocks read, written elsewhere and copied go on with the same bits. At least 7 blocks, 100 rows of tokens and logits.
void check_moved_blocks(compute::Executor& executor, int64_t vocab);

// Steps that make no sense end as invalid_argument. An executor of 4 blocks and 16 tokens a step.
void check_refused_steps(compute::Executor& executor, int64_t vocab);

// Models to be cut in two: flags that a border must carry over are what the residual is multiplied with, norms behind the branch, tied
// and other heads, experts.
std::vector<ModelCase> part_cases();
compute::LoadOptions part_options();  // f32 all the way

using MakeExecutor = std::function<Result<std::unique_ptr<compute::Executor>>(const compute::ModelSpec&, const compute::LoadOptions&)>;

// Cut at every border, whole prompts and single tokens: the bits of make_upper's whole model where both are of one kind, else near it;
// each border's numerics_id is its own.
void check_cuts(const RandomModel& model, const MakeExecutor& make_lower, const MakeExecutor& make_upper);

}  // namespace fabula::test
