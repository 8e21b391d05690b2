#include "app/gui/text/rasterizer.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_OUTLINE_H

#include <algorithm>
#include <cmath>

namespace fabula::text {

namespace {

// One pixel of a premultiplied BGRA strike, summed over an area.
struct Sum {
  float blue = 0, green = 0, red = 0, alpha = 0;
};

Sum area(const FT_Bitmap& bitmap, float x0, float y0, float x1, float y1) {
  Sum sum;
  for (int y = static_cast<int>(y0); y < std::min<float>(std::ceil(y1), static_cast<float>(bitmap.rows));
       ++y) {
    const float height = std::min(y1, static_cast<float>(y + 1)) - std::max(y0, static_cast<float>(y));
    const unsigned char* row = bitmap.buffer + static_cast<ptrdiff_t>(y) * bitmap.pitch;
    for (int x = static_cast<int>(x0); x < std::min<float>(std::ceil(x1), static_cast<float>(bitmap.width));
         ++x) {
      const float weight =
          height * (std::min(x1, static_cast<float>(x + 1)) - std::max(x0, static_cast<float>(x)));
      sum.blue += weight * row[x * 4];
      sum.green += weight * row[x * 4 + 1];
      sum.red += weight * row[x * 4 + 2];
      sum.alpha += weight * row[x * 4 + 3];
    }
  }
  return sum;
}

char byte(float value) {
  return static_cast<char>(static_cast<unsigned char>(std::clamp(value + 0.5f, 0.0f, 255.0f)));
}

// Premultiplied BGRA to straight RGBA, scaled by `factor` with an area filter.
GlyphBitmap scaled_colour(const FT_Bitmap& bitmap, int left, int top, float factor) {
  GlyphBitmap out;
  out.colour = true;
  out.width = std::max(1, static_cast<int>(std::lround(static_cast<float>(bitmap.width) * factor)));
  out.height = std::max(1, static_cast<int>(std::lround(static_cast<float>(bitmap.rows) * factor)));
  out.left = static_cast<int>(std::lround(static_cast<float>(left) * factor));
  out.top = static_cast<int>(std::lround(static_cast<float>(top) * factor));
  const float step_x = static_cast<float>(bitmap.width) / static_cast<float>(out.width);
  const float step_y = static_cast<float>(bitmap.rows) / static_cast<float>(out.height);
  out.pixels.reserve(static_cast<size_t>(out.width) * out.height * 4);
  for (int y = 0; y < out.height; ++y) {
    for (int x = 0; x < out.width; ++x) {
      const Sum sum = area(bitmap, static_cast<float>(x) * step_x, static_cast<float>(y) * step_y,
                           static_cast<float>(x + 1) * step_x, static_cast<float>(y + 1) * step_y);
      const float straight = sum.alpha > 0 ? 255.0f / sum.alpha : 0.0f;
      out.pixels += byte(sum.red * straight);
      out.pixels += byte(sum.green * straight);
      out.pixels += byte(sum.blue * straight);
      out.pixels += byte(sum.alpha / (step_x * step_y));
    }
  }
  return out;
}

GlyphBitmap coverage(const FT_Bitmap& bitmap, int left, int top) {
  GlyphBitmap out;
  out.width = static_cast<int>(bitmap.width);
  out.height = static_cast<int>(bitmap.rows);
  out.left = left;
  out.top = top;
  out.pixels.reserve(static_cast<size_t>(out.width) * out.height);
  for (int y = 0; y < out.height; ++y) {
    const unsigned char* row = bitmap.buffer + static_cast<ptrdiff_t>(y) * bitmap.pitch;
    for (int x = 0; x < out.width; ++x) {
      const bool mono = bitmap.pixel_mode == FT_PIXEL_MODE_MONO;
      out.pixels += static_cast<char>(mono ? ((row[x / 8] >> (7 - x % 8) & 1) ? 255 : 0) : row[x]);
    }
  }
  return out;
}

}  // namespace

Rasterizer::~Rasterizer() {
  FT_Done_Face(face_);
}

// Bitmap fonts (CBDT): the smallest strike that is at least as large, so that it is only ever scaled down.
// Returns its size.
float Rasterizer::select_strike(float size_px) {
  int best = 0;
  const auto size_of = [&](int i) { return static_cast<float>(face_->available_sizes[i].y_ppem) / 64.0f; };
  for (int i = 1; i < face_->num_fixed_sizes; ++i) {
    const bool fits = size_of(i) >= size_px;
    if (fits ? (size_of(best) < size_px || size_of(i) < size_of(best)) : size_of(i) > size_of(best)) best = i;
  }
  if (FT_Select_Size(face_, best) != 0) return 0;
  return size_of(best);
}

GlyphBitmap Rasterizer::draw(uint32_t glyph, float size_px, int phase) {
  const bool scalable = FT_IS_SCALABLE(face_);
  float strike = size_px;
  if (!scalable) {
    strike = select_strike(size_px);
    if (strike <= 0) return {};
  } else if (size_px_ != size_px) {
    if (FT_Set_Char_Size(face_, 0, static_cast<FT_F26Dot6>(std::lround(size_px * 64.0f)), 72, 72) != 0)
      return {};
    size_px_ = size_px;
  }
  // Light hinting snaps to the pixel grid vertically only, so that horizontal positions stay free.
  const FT_Int32 flags = look_.colour ? FT_LOAD_COLOR : FT_LOAD_TARGET_LIGHT | FT_LOAD_NO_BITMAP;
  if (FT_Load_Glyph(face_, glyph, flags) != 0) return {};
  FT_GlyphSlot slot = face_->glyph;
  if (slot->format == FT_GLYPH_FORMAT_OUTLINE) {
    if (look_.embolden)
      FT_Outline_EmboldenXY(&slot->outline, static_cast<FT_Pos>(size_px * 64.0f / 28.0f), 0);
    if (look_.oblique) {
      const FT_Matrix shear = {0x10000, 0x3000, 0, 0x10000};  // 0.19, about 11 degrees
      FT_Outline_Transform(&slot->outline, &shear);
    }
    FT_Outline_Translate(&slot->outline, phase * 16, 0);  // quarters of a pixel in 26.6
  }
  if (slot->format != FT_GLYPH_FORMAT_BITMAP && FT_Render_Glyph(slot, FT_RENDER_MODE_NORMAL) != 0) return {};
  const FT_Bitmap& bitmap = slot->bitmap;
  if (bitmap.width == 0 || bitmap.rows == 0 || !bitmap.buffer) return {};
  if (bitmap.pixel_mode == FT_PIXEL_MODE_BGRA)
    return scaled_colour(bitmap, slot->bitmap_left, slot->bitmap_top, size_px / strike);
  if (bitmap.pixel_mode != FT_PIXEL_MODE_GRAY && bitmap.pixel_mode != FT_PIXEL_MODE_MONO) return {};
  return coverage(bitmap, slot->bitmap_left, slot->bitmap_top);
}

FontLibrary::FontLibrary() {
  if (FT_Init_FreeType(&library_) != 0) library_ = nullptr;
}

FontLibrary::~FontLibrary() {
  if (library_) FT_Done_FreeType(library_);
}

std::unique_ptr<Rasterizer> FontLibrary::open(const std::string& file, int index, GlyphLook look) {
  FT_Face face = nullptr;
  if (!library_ || FT_New_Face(library_, file.c_str(), index, &face) != 0) return nullptr;
  if (!FT_IS_SCALABLE(face) && face->num_fixed_sizes == 0) {
    FT_Done_Face(face);
    return nullptr;
  }
  return std::unique_ptr<Rasterizer>(new Rasterizer(face, look));
}

}  // namespace fabula::text
