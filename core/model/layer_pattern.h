// Which layers slide and which have a position embedding, where the file does not list them.
#pragma once

#include <cstdint>
#include <vector>

#include "core/model/families.h"

namespace fabula::model {

// max_window: the first layer that slides, for WindowPattern::from_max_window.
inline std::vector<bool> window_layers(WindowPattern pattern, int64_t n_layers, int64_t max_window) {
  std::vector<bool> slides(static_cast<size_t>(n_layers));
  for (int64_t i = 0; i < n_layers; ++i) {
    bool value = true;
    if (pattern == WindowPattern::even_layers) value = i % 2 == 0;
    if (pattern == WindowPattern::five_of_six) value = i % 6 != 5;
    if (pattern == WindowPattern::from_max_window) value = i >= max_window;
    slides[static_cast<size_t>(i)] = value;
  }
  return slides;
}

inline std::vector<bool> rope_layers(int no_rope_interval, int64_t n_layers) {
  std::vector<bool> has(static_cast<size_t>(n_layers), true);
  for (int64_t i = 0; no_rope_interval > 0 && i < n_layers; ++i)
    has[static_cast<size_t>(i)] = (i + 1) % no_rope_interval != 0;
  return has;
}

}  // namespace fabula::model
