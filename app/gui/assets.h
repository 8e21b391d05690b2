// Files of assets/ that are part of the binary; their text is generated at build time (third_party/cmake/FabulaAssets.cmake).
#pragma once

#include <string_view>

namespace fabula::gui::assets {

std::string_view strings_en();
std::string_view strings_zh_hans();
std::string_view presets_sampling();
std::string_view presets_prompts();

}  // namespace fabula::gui::assets
