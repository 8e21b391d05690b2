// Sampling on the command line: the flags come from the one list of fields in SamplerSettings.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/sampler.h"
#include "core/model/model.h"

namespace fabula::cli {

struct SamplingFlags {
  std::map<std::string, double> given;  // field -> value, for the flags that were there
  int64_t max_tokens = 256;
  std::optional<uint64_t> seed;
  std::vector<std::string> stop, dry_breakers;
  std::vector<std::string> logit_bias;  // "ID=BIAS"

  void add_to(CLI::App& command);
  // A flag, else the model's own default, else Fabula's. Errors: invalid_argument naming the field.
  Result<engine::SamplerSettings> settings(const model::GenerationDefaults& defaults) const;
  uint64_t seed_or_new() const;  // below 2^63
};

}  // namespace fabula::cli
