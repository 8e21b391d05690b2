// A model cut at layer borders, so that several executors compute it one after the other: the residual stream is handed over, and the KV
// of a layer lives where the layer computes. Non-goal: cutting inside a layer.
#pragma once

#include <memory>

#include "core/compute/executor.h"

namespace fabula::compute {

// Layers first .. end - 1, 0 <= first < end <= n_layers: with the embedding where first is 0, with the head where end is n_layers.
ModelSpec part_of(const ModelSpec& whole, int64_t first, int64_t end);

// One executor from two parts of a model, made with the same LoadOptions: `lower` has layers 0 .. k - 1, `upper` the others. A block of
// the whole is lower's block followed by upper's. Its numerics_id names both parts' and the border (NUMERICS 7).
// Errors: internal, where the parts do not fit each other.
Result<std::unique_ptr<Executor>> join_parts(std::unique_ptr<Executor> lower, std::unique_ptr<Executor> upper, const ModelSpec& whole,
                                             int64_t border);

}  // namespace fabula::compute
