// Models of known shapes with made-up weights: what `bench --shape` runs where no file is at hand.
// Goal: the bytes, types and sizes of the real model, the same on every machine. Non-goal: text that means
// anything.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/base/result.h"
#include "core/compute/model_spec.h"
#include "core/formats/dtype.h"
#include "core/formats/tensor.h"

namespace fabula::model {

struct Shape {
  std::string_view name;  // "story", "smollm2-135m", "llama-3.2-1b", "llama-3.1-8b"
  int64_t n_layers, hidden, n_heads, n_kv_heads, ffn, vocab, context_length;
  bool tied;
  double rope_theta;
  double rope_factor;  // of llama3's scaling; 1: none
};

std::span<const Shape> shapes();

struct SyntheticModel {
  compute::ModelSpec spec;  // points into *source
  std::shared_ptr<const formats::TensorSource> source;
};

// Matrices are stored as `matrices`, norms as F32. Bytes are made when they are read, from the tensor's name
// and the position alone; nothing is kept but a pool of some hundred kB. Errors: not_found (names the shapes
// there are), unsupported (a type that cannot be written, or whose blocks do not divide the rows).
Result<SyntheticModel> make_synthetic_model(std::string_view shape, formats::DType matrices);

}  // namespace fabula::model
