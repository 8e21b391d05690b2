// One paragraph shaped: bidi levels, scripts and fonts found, glyphs chosen and measured, break
// opportunities marked. It does not depend on a width; lines.h breaks it into lines.
// Sources: UAX #9 (FriBidi), UAX #14 (libunibreak), UAX #29 grapheme clusters (utf8proc), HarfBuzz.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/gui/text/font_stack.h"
#include "app/gui/text/style.h"

namespace fabula::text {

struct Glyph {
  uint32_t id = 0;
  float advance = 0;   // pixels
  float x_offset = 0;  // pixels
  float y_offset = 0;  // pixels, upwards
};

// Characters that share face, size, script and direction, in the order of the text; their glyphs in the order
// of the screen.
struct ShapedRun {
  FaceId face = 0;
  uint8_t level = 0;  // bidi embedding level; odd is right to left
  float size_px = 0;
  FontStyle style;
};

// The smallest piece that a line break or a colour can cut: one or more grapheme clusters (a ligature has
// several).
struct Cluster {
  uint32_t begin = 0;  // byte in the paragraph; it ends where the next begins
  uint32_t glyph_begin = 0;
  uint16_t glyph_count = 0;
  uint16_t run = 0;
  float width = 0;  // pixels
  uint8_t graphemes = 1;
  bool break_after = false;  // a line may end here
  bool must_break =
      false;  // a line has to end here (U+2028, form feed and the like; never the end of the paragraph)
  bool space = false;  // hangs past the end of a line
};

struct ShapedParagraph {
  std::string text;  // as given, perhaps ill-formed
  bool right_to_left = false;
  std::vector<ShapedRun> runs;
  std::vector<Glyph> glyphs;
  std::vector<Cluster> clusters;  // in the order of the text

  uint32_t cluster_end(size_t i) const {
    return i + 1 < clusters.size() ? clusters[i + 1].begin : static_cast<uint32_t>(text.size());
  }
};

// text: no '\n' inside, at most 4 GiB. fonts_spans: relative to text; what they leave out has the base style.
ShapedParagraph shape_paragraph(FontStack& fonts, std::string_view text, const FontStyle& base,
                                std::span<const FontSpan> font_spans, float size_px);

}  // namespace fabula::text
