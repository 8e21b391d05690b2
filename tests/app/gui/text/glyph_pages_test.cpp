#include "app/gui/text/glyph_pages.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/app/gui/text/text_support.h"

using namespace fabula;
using namespace fabula::text;

TEST_CASE("glyphs are drawn once, and old pages make room") {
  test::TextFixture f;
  if (!f.usable()) return;
  test::MemoryTextures textures;
  {
    GlyphPages pages(f.engine->fonts(), textures, 64, 2);
    const FaceId face = f.engine->fonts().face_for({}, std::u32string_view(U"a"));
    const PlacedGlyph first = pages.get(face, 40, 20, 0, false);
    CHECK(first.texture != 0);
    CHECK(pages.get(face, 40, 20, 0, false).texture == first.texture);
    CHECK(pages.rasterized() == 1);
    CHECK(pages.get(face, 40, 20, 2, false).u0 != first.u0);  // another subpixel position is another picture
    // Within a frame nothing is dropped, whatever the limit.
    for (uint32_t glyph = 40; glyph < 140; ++glyph) pages.get(face, glyph, 20, 0, false);
    CHECK(textures.live.size() > 2);
    CHECK(textures.live.count(first.texture) == 1);
    // In later frames the least recently used pages go.
    for (int frame = 0; frame < 30; ++frame) {
      pages.begin_frame();
      for (uint32_t glyph = 0; glyph < 8; ++glyph)
        pages.get(face, 200 + static_cast<uint32_t>(frame) * 8 + glyph, 20, 0, false);
    }
    CHECK(textures.live.count(first.texture) == 0);
    pages.begin_frame();
    CHECK(pages.get(face, 40, 20, 0, false).texture != 0);
  }
  CHECK(textures.live.empty());
}

TEST_CASE("colour glyphs come in colour") {
  test::TextFixture f;
  if (!f.usable()) return;
  const FaceId face = f.engine->fonts().face_for({}, std::u32string_view(U"😀"));
  if (!f.engine->fonts().is_colour(face)) {
    MESSAGE("skipped: no font with colour emoji");
    return;
  }
  const ShapedParagraph p = shape_paragraph(f.engine->fonts(), "😀", {}, {}, 16);
  REQUIRE(p.glyphs.size() == 1);
  const GlyphBitmap picture = f.engine->fonts().rasterize(face, p.glyphs[0].id, 16, 0);
  CHECK(picture.colour);
  CHECK(picture.width >= 14);
  CHECK(picture.width <= 22);
  CHECK(picture.pixels.size() == static_cast<size_t>(picture.width) * picture.height * 4);
  // A yellow face: much red and green, little blue, and opaque in the middle.
  const auto at = [&](int channel) {
    const size_t middle = (static_cast<size_t>(picture.height / 4) * picture.width + picture.width / 2) * 4;
    return static_cast<int>(
        static_cast<unsigned char>(picture.pixels[middle + static_cast<size_t>(channel)]));
  };
  CHECK(at(0) > 180);
  CHECK(at(1) > 120);
  CHECK(at(2) < 140);
  CHECK(at(3) > 250);
}

TEST_CASE("labels are measured, cut with an ellipsis, and remembered") {
  test::TextFixture f;
  if (!f.usable()) return;
  const LabelStyle style{14, {}, 0, 1.4f};
  const LabelSize short_one = f.engine->measure("Send", style),
                  long_one = f.engine->measure("Send message", style);
  CHECK(short_one.width > 20);
  CHECK(long_one.width > short_one.width);
  CHECK(short_one.height == long_one.height);
  CHECK(f.engine->measure("Send", style).width == short_one.width);
  CHECK(f.engine->measure("", style).width == 0);
  const LabelStyle wrapped{14, {}, 60, 1.4f};
  CHECK(f.engine->measure("several words that wrap", wrapped).height > short_one.height);
  CHECK(f.engine->measure("several words that wrap", wrapped).width <= 60);
  for (int i = 0; i < 5000; ++i)
    f.engine->measure("label " + std::to_string(i), style);  // more than the cache holds
  CHECK(f.engine->measure("Send", style).width == short_one.width);
}
