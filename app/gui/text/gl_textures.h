// Glyph pages as OpenGL 3.3 textures, for Dear ImGui's GL3 renderer. The loader (glad) must have run.
#pragma once

#include "app/gui/text/glyph_pages.h"

namespace fabula::text {

// Thread: the one whose GL context is current. Textures that are left are the context's own to free.
class GlTextures final : public TextureSink {
 public:
  TextureId create(int width, int height, TextureFormat format) override;
  void upload(TextureId texture, int x, int y, int width, int height, TextureFormat format,
              const char* pixels) override;
  void destroy(TextureId texture) override;
};

}  // namespace fabula::text
