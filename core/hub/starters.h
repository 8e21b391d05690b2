// The models that are offered where there is none yet, the smallest first. Sizes and licences are asked of the hub when they are shown.
#pragma once

#include <array>
#include <string_view>

namespace fabula::hub {

struct Starter {
  std::string_view repository, selector;  // as PullName
  std::string_view name;
};

inline constexpr std::array starters{
    Starter{"HuggingFaceTB/SmolLM2-135M-Instruct", "", "SmolLM2 135M Instruct"},
    Starter{"HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF", "Q4_K_M", "SmolLM2 1.7B Instruct"},
    Starter{"Qwen/Qwen3-4B-GGUF", "Q4_K_M", "Qwen3 4B"}};

}  // namespace fabula::hub
