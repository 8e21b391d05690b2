// The window's icon, rasterised from the same shapes as assets/icon/fabula.svg.
#pragma once

#include <cstdint>
#include <vector>

struct GLFWwindow;

namespace fabula::gui {

// RGBA, (size, size, 4), straight alpha.
std::vector<uint8_t> rasterize_icon(int size);
void set_window_icon(GLFWwindow* window);

}  // namespace fabula::gui
