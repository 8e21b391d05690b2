// Models of random weights held in memory, with any combination of flags, and a forward pass in double to compare with.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/compute/model_spec.h"

namespace fabula::test {

class MemorySource final : public formats::TensorSource {
 public:
  // Standard normal values times `scale`, stored as `type` (f16 where the columns do not fill its blocks).
  const formats::TensorInfo* add(const std::string& name, std::vector<int64_t> shape, formats::DType type, double scale, double offset,
                                 std::mt19937_64& random);

  std::span<const formats::TensorInfo> tensors() const override { return {}; }
  const formats::TensorInfo* find_or_null(std::string_view name) const override;
  Status read(const formats::TensorInfo& tensor, uint64_t begin, std::span<std::byte> out) const override;

 private:
  std::deque<formats::TensorInfo> infos_;  // addresses stay
  std::map<std::string, std::vector<std::byte>, std::less<>> bytes_;
};

struct RandomModelOptions {
  formats::DType type = formats::DType::f32;
  int64_t layers = 2, hidden = 96, heads = 6, kv_heads = 2, head_dim = 20, ffn = 160, vocab = 203;
  bool tied = true, biases = false, qk_norm = false, qk_norm_per_head = true, post_norms = false, pre_norms = true, gate = true;
  bool layer_norm = false, no_rope_layer = false, shared_expert = false;
  int64_t sliding_window = 0, experts = 0, experts_per_token = 0;
  float attention_softcap = 0, final_softcap = 0, residual_scale = 1, logit_scale = 1, embedding_scale = 1;
  compute::Activation activation = compute::Activation::silu;
  compute::RopePairing pairing = compute::RopePairing::half;
  int rotary_dim = 0;  // 0: head_dim
  uint64_t seed = 1;
};

struct RandomModel {
  MemorySource source;
  compute::ModelSpec spec;
};
void make_random_model(const RandomModelOptions& options, RandomModel& out);

// How the textbook reads the inputs of quantised matrices: as they are, or as NUMERICS 4 has it, in int8 per block of 32 (with a
// second plane where a block's largest entry exceeds 5 times the usual one; core/compute/NOTES.md, Outliers). All else is in double.
enum class Inputs { exact, int8 };

// Logits of every position, (tokens, vocab), by the textbook in double.
std::vector<double> reference_forward(const compute::ModelSpec& spec, const formats::TensorSource& source, std::span<const int32_t> tokens,
                                      Inputs inputs = Inputs::exact);
// ||logits of int8 inputs - of exact ones|| / ||of exact ones||: what the rounding costs this model and these tokens.
double int8_noise(const compute::ModelSpec& spec, const formats::TensorSource& source, std::span<const int32_t> tokens);

// The prompt and what follows it greedily, `n` tokens more; gaps: between the two largest logits at each of them.
std::vector<int32_t> reference_greedy(const compute::ModelSpec& spec, const formats::TensorSource& source, std::span<const int32_t> prompt,
                                      int n, std::vector<double>& gaps);

std::vector<int32_t> random_tokens(int64_t n, int64_t vocab, uint64_t seed);

}  // namespace fabula::test
