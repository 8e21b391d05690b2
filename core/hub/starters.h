// The models that are offered where there is none yet. Sizes and licences are asked of the hub when they are shown.
#pragma once

#include <array>
#include <string_view>

namespace fabula::hub {

struct Starter {
  std::string_view repository, selector;  // as PullName
  std::string_view name;
  std::string_view words_key;             // of the window's strings: what it is good for
};

inline constexpr std::array starters{
    Starter{"HuggingFaceTB/SmolLM2-135M-Instruct", "", "SmolLM2 135M Instruct", "starter.small"},
    Starter{"HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF", "Q4_K_M", "SmolLM2 1.7B Instruct", "starter.medium"},
    Starter{"Qwen/Qwen3-4B-GGUF", "Q4_K_M", "Qwen3 4B", "starter.large"}};

}  // namespace fabula::hub
