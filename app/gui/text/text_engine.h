// The one object through which every string of the window goes: fonts, glyph pages, and short labels with a
// cache. Made once, passed by reference.
// Thread: the UI thread alone.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "app/gui/text/font_stack.h"
#include "app/gui/text/glyph_pages.h"
#include "app/gui/text/lines.h"
#include "app/gui/text/style.h"
#include "core/base/result.h"

struct ImDrawList;

namespace fabula::text {

// A short text of one line, or of several with wrap_width_px.
struct LabelStyle {
  float size_px = 16;
  FontStyle font;
  float wrap_width_px = 0;  // 0: one line
  float line_spacing = 1.4f;

  bool operator==(const LabelStyle&) const = default;
};

struct LabelSize {
  float width = 0;
  float height = 0;
};

class TextEngine {
 public:
  // Errors: not_found (no font on this machine). The sink must outlive the engine.
  static Result<std::unique_ptr<TextEngine>> create(const FontOptions& options, TextureSink& sink);
  ~TextEngine();

  FontStack& fonts() { return *fonts_; }
  GlyphPages& pages() { return *pages_; }

  void begin_frame();   // once per frame, before anything is drawn
  // After a change of the window's language: shapes of ideographs follow it where text is shaped from now on.
  void set_language(const std::string& language);
  void reset_glyphs();  // after a change of scale

  // ---- labels
  LabelSize measure(std::string_view text, const LabelStyle& style);
  // `top_left` is the label's corner. max_width_px > 0: what is longer ends in an ellipsis. Returns the width
  // drawn.
  float draw(ImDrawList& list, Point top_left, std::string_view text, const LabelStyle& style, Colour colour,
             float max_width_px = 0);
  // Centred in (or aligned inside) a rectangle, vertically by the font's own height. align: 0 left, 0.5
  // centre, 1 right.
  void draw_in(ImDrawList& list, const Rect& rect, std::string_view text, const LabelStyle& style,
               Colour colour, float align = 0.5f);
  float line_height(const LabelStyle& style);

  // Draws one line of a layout; the flow uses it too. Colours come from the paint spans under each cluster.
  // base: byte in the spans' text where the paragraph begins.
  void draw_line(ImDrawList& list, const ParagraphLayout& layout, size_t line, Point origin, Colour colour,
                 const std::vector<PaintSpan>* spans = nullptr, size_t base = 0);

 private:
  TextEngine(std::unique_ptr<FontStack> fonts, TextureSink& sink);
  struct Label;
  const ParagraphLayout& label(std::string_view text, const LabelStyle& style);
  void draw_glyph(ImDrawList& list, const ShapedRun& run, const Glyph& glyph, float pen, float baseline,
                  Colour colour, TextureId& bound);
  std::string ellipsized(std::string_view text, const LabelStyle& style, float max_width_px);

  std::unique_ptr<FontStack> fonts_;
  std::unique_ptr<GlyphPages> pages_;
  std::list<Label> labels_;  // most recently used first
  std::unordered_map<std::string, std::list<Label>::iterator> label_index_;
};

// Bright text (on a dark ground) by its luminance.
bool is_light(Colour colour);

}  // namespace fabula::text
