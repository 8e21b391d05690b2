#include "app/gui/text/glyph_pages.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace fabula::text {

namespace {

constexpr float size_steps = 16.0f;  // text heights differ by sixteenths of a pixel
constexpr float max_size_px = 1000.0f;
constexpr int gap_px = 1;

// face 16 bits, glyph 16, size 14, phase 2, light 1
uint64_t entry_key(FaceId face, uint32_t glyph, uint32_t size, int phase, bool light) {
  return static_cast<uint64_t>(face) << 48 | static_cast<uint64_t>(glyph & 0xFFFF) << 32 |
         static_cast<uint64_t>(size) << 8 | static_cast<uint64_t>(phase) << 1 | (light ? 1u : 0u);
}

// Blending in sRGB makes bright strokes on a dark ground thinner than dark ones on a bright ground; a gamma
// of 1.15 on the coverage brings both to about the same weight.
const std::array<unsigned char, 256>& light_curve() {
  static const std::array<unsigned char, 256> curve = [] {
    std::array<unsigned char, 256> values{};
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<unsigned char>(
          std::lround(255.0 * std::pow(static_cast<double>(i) / 255.0, 1.0 / 1.15)));
    return values;
  }();
  return curve;
}

}  // namespace

GlyphPages::GlyphPages(FontStack& fonts, TextureSink& sink, int page_pixels, size_t max_pages)
    : fonts_(fonts), sink_(sink), page_pixels_(page_pixels), max_pages_(max_pages) {}

GlyphPages::~GlyphPages() {
  clear();
}

void GlyphPages::clear() {
  for (auto& [serial, page] : pages_) sink_.destroy(page.texture);
  pages_.clear();
  entries_.clear();
}

PlacedGlyph GlyphPages::get(FaceId face, uint32_t glyph, float size_px, int phase, bool light) {
  const auto size = static_cast<uint32_t>(std::lround(std::clamp(size_px, 1.0f, max_size_px) * size_steps));
  if (fonts_.is_colour(face)) phase = 0, light = false;
  const uint64_t key = entry_key(face, glyph, size, phase, light);
  auto at = entries_.find(key);
  if (at == entries_.end()) {
    GlyphBitmap bitmap = fonts_.rasterize(face, glyph, static_cast<float>(size) / size_steps, phase);
    ++rasterized_;
    if (light && !bitmap.colour)
      for (char& c : bitmap.pixels) c = static_cast<char>(light_curve()[static_cast<unsigned char>(c)]);
    at = entries_.emplace(key, place(bitmap)).first;
  }
  if (at->second.page != 0) pages_[at->second.page].last_used = frame_;
  return at->second.glyph;
}

GlyphPages::Entry GlyphPages::place(const GlyphBitmap& bitmap) {
  const TextureFormat format = bitmap.colour ? TextureFormat::rgba8 : TextureFormat::alpha8;
  const int size = bitmap.colour ? page_pixels_ / 2 : page_pixels_;
  if (bitmap.width <= 0 || bitmap.height <= 0 || bitmap.width + gap_px > size ||
      bitmap.height + gap_px > size)
    return {};
  int x = 0, y = 0;
  uint32_t serial = 0;
  for (auto& [number, page] : pages_)
    if (page.format == format && find_room(page, bitmap.width, bitmap.height, x, y)) {
      serial = number;
      break;
    }
  if (serial == 0) {
    if (pages_.size() >= max_pages_) drop_oldest_page();
    const TextureId texture = sink_.create(size, size, format);
    if (texture == 0) return {};
    serial = next_page_++;
    Page& page = pages_[serial];
    page = {texture, format, size, 0, frame_, {}};
    find_room(page, bitmap.width, bitmap.height, x, y);
  }
  const Page& page = pages_[serial];
  sink_.upload(page.texture, x, y, bitmap.width, bitmap.height, format, bitmap.pixels.data());
  const float scale = 1.0f / static_cast<float>(size);
  const auto uv = [&](int pixels) { return static_cast<float>(pixels) * scale; };
  return {{page.texture, uv(x), uv(y), uv(x + bitmap.width), uv(y + bitmap.height), bitmap.left, bitmap.top,
           bitmap.width, bitmap.height, bitmap.colour},
          serial};
}

// Shelves: glyphs of about the same height side by side.
bool GlyphPages::find_room(Page& page, int width, int height, int& x, int& y) {
  const int w = width + gap_px, h = height + gap_px;
  Shelf* best = nullptr;
  for (Shelf& shelf : page.shelves)
    if (shelf.height >= h && shelf.height <= h + h / 2 + 4 && page.size - shelf.used >= w &&
        (!best || shelf.height < best->height))
      best = &shelf;
  if (!best) {
    const int shelf_height = std::min((h + 3) / 4 * 4, page.size - page.bottom);
    if (shelf_height < h) return false;
    page.shelves.push_back({page.bottom, shelf_height, 0});
    page.bottom += shelf_height;
    best = &page.shelves.back();
  }
  x = best->used, y = best->y;
  best->used += w;
  return true;
}

// The page that was not drawn from for longest, unless this frame draws from all of them.
void GlyphPages::drop_oldest_page() {
  const auto oldest = std::min_element(pages_.begin(), pages_.end(), [](const auto& a, const auto& b) {
    return a.second.last_used < b.second.last_used;
  });
  if (oldest == pages_.end() || oldest->second.last_used == frame_) return;
  sink_.destroy(oldest->second.texture);
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.page == oldest->first; });
  pages_.erase(oldest);
}

}  // namespace fabula::text
