// Which font draws which character. fontconfig chooses families and fallbacks by coverage, HarfBuzz reads
// the shapes' metrics, FreeType draws them. Faces are opened when the first character needs them.
// Non-goals: font files of the user's choosing, variable axes beyond what fontconfig resolves.
// Thread: the UI thread alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "app/gui/text/style.h"
#include "core/base/result.h"

struct hb_font_t;

namespace fabula::text {

struct FontOptions {
  std::string ui_family = "Inter";  // where it is missing: the system's sans-serif
  std::string serif_family = "serif";
  std::string mono_family = "monospace";
  std::string language =
      "en";  // RFC 3066; decides between the Chinese, Japanese and Korean shapes of a character
};

using FaceId = uint16_t;

// Fractions of the text height, from the first face of a style.
struct FaceMetrics {
  float ascent = 0.95f;
  float descent = 0.25f;  // positive, below the baseline
  float x_height = 0.5f;
  float underline_offset = 0.1f;  // positive, below the baseline
  float underline_thickness = 0.06f;
};

// One glyph's picture. 8-bit coverage, or straight (not premultiplied) RGBA for colour glyphs.
struct GlyphBitmap {
  int width = 0;
  int height = 0;
  int left = 0;  // from the pen to the picture's left edge
  int top = 0;   // from the baseline up to the picture's top edge
  bool colour = false;
  std::string pixels;  // (height, width) or (height, width, 4)
};

class FontStack {
 public:
  // Errors: not_found (no font at all on this machine).
  static Result<std::unique_ptr<FontStack>> create(const FontOptions& options);
  ~FontStack();

  // The face for one grapheme cluster: the style's own where it has every character, else the first fallback
  // that has. A character that no font has gets the style's own face (its .notdef glyph is the missing-glyph
  // box).
  FaceId face_for(const FontStyle& style, std::span<const char32_t> cluster);

  // Scaled to units_per_em; owned by the stack. Never null.
  hb_font_t* shaping_font(FaceId face);
  float units_per_em(FaceId face);
  const FaceMetrics& metrics(const FontStyle& style);

  // size_px: text height (em) in pixels. phase: horizontal subpixel offset in quarters. A glyph that cannot
  // be drawn is empty.
  GlyphBitmap rasterize(FaceId face, uint32_t glyph, float size_px, int phase);

  // From now on characters are given faces for this language; faces given before stay valid.
  void set_language(const std::string& language);

  bool is_colour(FaceId face) const;
  const std::string& language() const;
  std::string face_name(FaceId face) const;  // for the About panel and for tests
  size_t opened_faces() const;

 private:
  struct State;
  explicit FontStack(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace fabula::text
