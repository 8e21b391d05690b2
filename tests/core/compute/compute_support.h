// What the tests of the compute room share: running an executor over one sequence, comparing logits, models made of random numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/compute/executor.h"

namespace fabula::test {

// One sequence on one executor: block ids 0, 1, 2 ... or as given, tokens appended chunk by chunk.
class Sequence {
 public:
  explicit Sequence(compute::Executor& executor, std::vector<int32_t> blocks = {});

  // Reads the tokens in steps of `chunk` (0: all at once) and returns the logits of each, (tokens, vocab).
  std::vector<float> read(std::span<const int32_t> tokens, int64_t chunk, int64_t vocab);
  int64_t length() const { return length_; }
  int least_workers() const { return least_workers_; }  // over all steps

 private:
  compute::Executor& executor_;
  std::vector<int32_t> blocks_;
  int64_t length_ = 0;
  int least_workers_ = 1 << 20;
};

// ||a - b|| / ||b||, and where they differ most.
struct Difference {
  double relative = 0;
  double worst = 0;
  size_t worst_at = 0;
  std::string text;  // for messages: worst row, column, both values
};
Difference compare(std::span<const float> found, std::span<const float> reference, size_t columns);
Difference compare(std::span<const float> found, std::span<const double> reference, size_t columns);

int32_t argmax(std::span<const float> row);  // ties to the lowest id

std::unique_ptr<compute::Executor> load(const compute::ModelSpec& spec, const formats::TensorSource& source,
                                        compute::LoadOptions options, compute::CpuOptions cpu);
// Flags and tensors of a GGUF file or a Hugging Face folder, without its tokenizer.
struct OpenedModel {
  std::shared_ptr<const formats::TensorSource> source;
  compute::ModelSpec spec;  // points into *source
};
OpenedModel open_weights(const std::filesystem::path& path);

std::vector<float> read_floats(const std::filesystem::path& path);

}  // namespace fabula::test
