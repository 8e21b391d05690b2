// Sizes and counts as tables of models show them.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace fabula::cli {

inline std::string size_text(uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  return bytes >= 1000000000 ? fmt::format("{:.2f} GB", value / 1e9) : fmt::format("{:.1f} MB", value / 1e6);
}

inline std::string count_text(uint64_t parameters) {
  const auto value = static_cast<double>(parameters);
  return parameters >= 1000000000 ? fmt::format("{:.1f}B", value / 1e9) : fmt::format("{:.3g}M", value / 1e6);
}

}  // namespace fabula::cli
