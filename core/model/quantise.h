// Any float model as a GGUF file with matrices of a chosen type, for Fabula and for llama.cpp.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <vector>

#include "core/base/result.h"
#include "core/formats/dtype.h"

namespace fabula::model {

std::vector<formats::DType> quantise_types();  // the types that can be written

struct QuantiseOptions {
  formats::DType type = formats::DType::q8_0;        // of matrices; formats::can_quantize(type)
  int threads = 0;                                   // 0: all of the machine's
  std::function<void(double fraction)> on_progress;  // on the calling thread
  const std::atomic<bool>* cancel = nullptr;
};

// `model`: what open_model takes. Streamed tensor by tensor, a few megabytes at a time; `out` appears whole
// or not at all. Vectors and routers are written as F32. Rows that a block does not divide take the next type
// that fits (Q4_K: Q5_0, Q6_K: Q8_0, then F16); the output matrix of 4- and 5-bit models takes Q6_K (Q8_0).
// `out` may not be one of the model's own files. Metadata, vocabulary and chat template are carried over. Errors: as open_model; unsupported (an already
// quantised model, or one that GGUF cannot express), io, cancelled.
Status quantise_model(const std::filesystem::path& model, const std::filesystem::path& out,
                      const QuantiseOptions& options);

}  // namespace fabula::model
