// Pictures of glyphs in textures of our own, made when first drawn, dropped page by page when long unused.
// Thread: the UI thread alone, with the GL context current where the sink needs one.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "app/gui/text/font_stack.h"

namespace fabula::text {

using TextureId = uintptr_t;  // what ImTextureID holds; 0 is none

enum class TextureFormat { alpha8, rgba8 };

// Where textures live. GlTextures is the real one; tests use one of their own.
class TextureSink {
 public:
  virtual ~TextureSink() = default;
  virtual TextureId create(int width, int height,
                           TextureFormat format) = 0;  // cleared to transparent; 0 where it fails
  // pixels: (height, width) bytes, or (height, width, 4).
  virtual void upload(TextureId texture, int x, int y, int width, int height, TextureFormat format,
                      const char* pixels) = 0;
  virtual void destroy(TextureId texture) = 0;
};

struct PlacedGlyph {
  TextureId texture = 0;  // 0: nothing to draw
  float u0 = 0, v0 = 0, u1 = 0, v1 = 0;
  int left = 0, top = 0, width = 0, height = 0;
  bool colour = false;
};

class GlyphPages {
 public:
  static constexpr int phases = 4;  // horizontal subpixel positions of small text

  // The sink and the fonts must outlive the pages.
  GlyphPages(FontStack& fonts, TextureSink& sink, int page_pixels = 1024, size_t max_pages = 12);
  ~GlyphPages();
  GlyphPages(const GlyphPages&) = delete;
  GlyphPages& operator=(const GlyphPages&) = delete;

  void begin_frame() { ++frame_; }

  // Valid until the next begin_frame(). A page used in this frame is never dropped in it.
  // light: bright text on a dark ground, drawn a little heavier, since blending in sRGB thins it.
  PlacedGlyph get(FaceId face, uint32_t glyph, float size_px, int phase, bool light);

  void clear();  // after a change of fonts or scale
  size_t page_count() const { return pages_.size(); }
  uint64_t rasterized() const { return rasterized_; }

 private:
  struct Shelf {
    int y = 0, height = 0, used = 0;
  };
  struct Page {
    TextureId texture = 0;
    TextureFormat format = TextureFormat::alpha8;
    int size = 0;
    int bottom = 0;
    uint64_t last_used = 0;
    std::vector<Shelf> shelves;
  };
  struct Entry {
    PlacedGlyph glyph;
    uint32_t page = 0;  // serial number; 0: empty glyph
  };

  Entry place(const GlyphBitmap& bitmap);
  bool find_room(Page& page, int width, int height, int& x, int& y);
  void drop_oldest_page();

  FontStack& fonts_;
  TextureSink& sink_;
  int page_pixels_;
  size_t max_pages_;
  uint64_t frame_ = 1;
  uint64_t rasterized_ = 0;
  uint32_t next_page_ = 1;
  std::unordered_map<uint32_t, Page> pages_;
  std::unordered_map<uint64_t, Entry> entries_;
};

}  // namespace fabula::text
