// The version that CMakeLists.txt names.
#pragma once

#include <string_view>

namespace fabula::gui {

inline constexpr std::string_view version = FABULA_VERSION;

}  // namespace fabula::gui
