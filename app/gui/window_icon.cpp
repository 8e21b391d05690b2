#include "app/gui/window_icon.h"

#include <GLFW/glfw3.h>

#include <array>
#include <cmath>
#include <initializer_list>

namespace fabula::gui {
namespace {

struct Vec {
  float x, y;
};

// Even-odd test; the shapes are small polygons in the 24-unit box of assets/icon/fabula.svg.
bool inside(std::initializer_list<Vec> polygon, float x, float y) {
  bool in = false;
  const Vec* previous = polygon.end() - 1;
  for (const Vec& p : polygon) {
    if ((p.y > y) != (previous->y > y) && x < (previous->x - p.x) * (y - p.y) / (previous->y - p.y) + p.x) in = !in;
    previous = &p;
  }
  return in;
}

bool in_rounded_square(float x, float y) {
  constexpr float r = 5.5f;
  const float dx = std::fmax(std::fabs(x - 12) - (12 - r), 0), dy = std::fmax(std::fabs(y - 12) - (12 - r), 0);
  return dx * dx + dy * dy <= r * r;
}

bool in_page(float x, float y) {
  return inside({{3.6f, 6.2f}, {8.6f, 5.4f}, {11.5f, 6.6f}, {11.5f, 18.6f}, {8.6f, 17.4f}, {3.6f, 18}}, x, y) ||
         inside({{12.5f, 6.6f}, {15.4f, 5.4f}, {20.4f, 6.2f}, {20.4f, 15.2f}, {16.8f, 15.7f}, {12.5f, 20}}, x, y);
}

bool in_ink(float x, float y) {
  const auto bar = [x, y](float from, float to, float at) { return x >= from && x <= to && std::fabs(y - at) <= 0.55f; };
  if (bar(5.2f, 9.6f, 9) || bar(5.2f, 9.6f, 11.6f) || bar(5.2f, 8, 14.2f)) return true;
  for (float cx : {14.5f, 16.6f, 18.7f}) {
    if ((x - cx) * (x - cx) + (y - 10.8f) * (y - 10.8f) <= 0.75f * 0.75f) return true;
  }
  return false;
}

}  // namespace

std::vector<uint8_t> rasterize_icon(int size) {
  constexpr int samples = 4;  // per axis
  constexpr std::array<float, 3> ground = {11, 110, 99}, page = {252, 251, 249};
  std::vector<uint8_t> pixels(static_cast<size_t>(size) * static_cast<size_t>(size) * 4);
  for (int row = 0; row < size; ++row) {
    for (int column = 0; column < size; ++column) {
      std::array<float, 3> sum = {};
      int covered = 0;
      for (int s = 0; s < samples * samples; ++s) {
        const float x = (static_cast<float>(column) + (static_cast<float>(s % samples) + 0.5f) / samples) * 24 / static_cast<float>(size);
        const float y = (static_cast<float>(row) + (static_cast<float>(s / samples) + 0.5f) / samples) * 24 / static_cast<float>(size);
        if (!in_rounded_square(x, y)) continue;
        ++covered;
        const auto& color = in_page(x, y) && !in_ink(x, y) ? page : ground;
        for (size_t c = 0; c < 3; ++c) sum[c] += color[c];
      }
      uint8_t* out = &pixels[(static_cast<size_t>(row) * static_cast<size_t>(size) + static_cast<size_t>(column)) * 4];
      for (size_t c = 0; c < 3; ++c) out[c] = covered > 0 ? static_cast<uint8_t>(sum[c] / static_cast<float>(covered)) : 0;
      out[3] = static_cast<uint8_t>(255 * covered / (samples * samples));
    }
  }
  return pixels;
}

void set_window_icon(GLFWwindow* window) {
  std::array<std::vector<uint8_t>, 3> pixels;
  std::array<GLFWimage, 3> images{};
  constexpr std::array<int, 3> sizes = {16, 32, 64};
  for (size_t i = 0; i < sizes.size(); ++i) {
    pixels[i] = rasterize_icon(sizes[i]);
    images[i] = {sizes[i], sizes[i], pixels[i].data()};
  }
  glfwSetWindowIcon(window, static_cast<int>(images.size()), images.data());
}

}  // namespace fabula::gui
