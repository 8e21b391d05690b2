// How a piece of text looks. What changes the shapes of glyphs (FontStyle) stands apart from what only
// changes how they are painted (PaintSpan), so that a new search hit or theme never shapes a text again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fabula::text {

// Dear ImGui's packing: red in the lowest byte, alpha in the highest (IM_COL32). 0 means "none, take the
// default".
using Colour = uint32_t;

enum class FontFamily : uint8_t { ui, serif, mono };
enum class FontWeight : uint8_t { regular, medium, semibold, bold };

struct FontStyle {
  FontFamily family = FontFamily::ui;
  FontWeight weight = FontWeight::regular;
  bool italic = false;
  float scale = 1.0f;  // times the text height of the block it stands in

  bool operator==(const FontStyle&) const = default;
};

// Half-open ranges of bytes in the UTF-8 text they belong to. Lists of spans are sorted by `begin`.
struct FontSpan {
  size_t begin = 0;
  size_t end = 0;
  FontStyle style;

  bool operator==(const FontSpan&) const = default;
};

struct PaintSpan {
  size_t begin = 0;
  size_t end = 0;
  Colour colour = 0;
  Colour background = 0;
  bool underline = false;
  bool strikethrough = false;
  bool rounded = false;  // the background as a pill around the words, instead of the whole height of the line
  uint32_t tag = 0;      // the caller's own: a link's number, a provenance, a search hit; 0 for none

  bool operator==(const PaintSpan&) const = default;
};

// Pixels of the framebuffer, y grows downwards.
struct Point {
  float x = 0;
  float y = 0;
};

struct Rect {
  float x = 0;
  float y = 0;
  float width = 0;
  float height = 0;

  bool contains(Point p) const { return p.x >= x && p.x < x + width && p.y >= y && p.y < y + height; }
};

// A place between two characters. At a soft line break the same offset is the end of one line (upstream) and
// the start of the next.
struct Caret {
  size_t offset = 0;  // bytes
  bool upstream = false;

  bool operator==(const Caret&) const = default;
};

}  // namespace fabula::text
