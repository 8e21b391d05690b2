// config.json as every family reads it, what it says of quantised weights, and generation_config.json.
#include <nlohmann/json.hpp>
#include <string_view>

#include "core/model/generation_settings.h"
#include "core/model/hf_hyperparameters.h"
#include "core/model/hf_quantisation.h"
#include "core/model/rope_table.h"

using namespace fabula;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto config = parse_json(std::string_view(reinterpret_cast<const char*>(data), size), "config.json");
  if (!config.ok()) return 0;
  (void)model::read_hf_quantisation(*config).ok();
  (void)model::named_end_tokens(*config);
  (void)model::read_generation_defaults(*config);
  for (const model::Family& family : model::families()) {
    const auto hyper = model::read_hf_hyperparameters(*config, family);
    if (hyper.ok()) (void)model::make_rope_table(hyper->rope, hyper->rotary_dim, hyper->context_length).ok();
  }
  return 0;
}
