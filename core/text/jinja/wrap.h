// Wrapping of one paragraph, as Python's textwrap does it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/text/jinja/textops.h"

namespace fabula::text::jinja {

struct WrapStyle {
  int64_t width = 79;  // characters
  bool break_long_words = true;
  bool break_on_hyphens = true;
};

std::vector<Piece> wrap(std::string_view paragraph, const WrapStyle& style);  // the lines, in bytes

}  // namespace fabula::text::jinja
