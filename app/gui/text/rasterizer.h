// FreeType behind a small door: one face, its glyphs as pictures.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/gui/text/font_stack.h"

typedef struct FT_LibraryRec_* FT_Library;
typedef struct FT_FaceRec_* FT_Face;

namespace fabula::text {

struct GlyphLook {
  bool embolden = false;  // the family has no bold
  bool oblique = false;   // the family has no italic
  bool colour = false;
};

class Rasterizer {
 public:
  ~Rasterizer();
  Rasterizer(const Rasterizer&) = delete;
  Rasterizer& operator=(const Rasterizer&) = delete;

  GlyphBitmap draw(uint32_t glyph, float size_px, int phase);

 private:
  friend class FontLibrary;
  Rasterizer(FT_Face face, GlyphLook look) : face_(face), look_(look) {}
  float select_strike(float size_px);

  FT_Face face_;
  GlyphLook look_;
  float size_px_ = 0;
};

class FontLibrary {
 public:
  FontLibrary();
  ~FontLibrary();
  FontLibrary(const FontLibrary&) = delete;
  FontLibrary& operator=(const FontLibrary&) = delete;

  // Null where the file is not a font that FreeType reads. The library must outlive it.
  std::unique_ptr<Rasterizer> open(const std::string& file, int index, GlyphLook look);

 private:
  FT_Library library_ = nullptr;
};

}  // namespace fabula::text
