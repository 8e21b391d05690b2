#include "app/gui/text/text_engine.h"

#include <imgui.h>
#include <linebreak.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "app/gui/text/unicode.h"

namespace fabula::text {

namespace {

constexpr size_t max_labels = 2048;
constexpr size_t max_label_bytes = 4096;  // of one line: what follows is far outside of any window
constexpr float small_text_px = 40;       // beyond it, whole pixels are fine enough

std::string label_key(std::string_view text, const LabelStyle& style) {
  std::array<float, 4> numbers = {style.size_px, style.font.scale, style.wrap_width_px, style.line_spacing};
  std::string key(sizeof numbers, '\0');
  std::memcpy(key.data(), numbers.data(), sizeof numbers);
  key += static_cast<char>(style.font.family);
  key += static_cast<char>(style.font.weight);
  key += style.font.italic ? '\1' : '\0';
  key += text;
  return key;
}

Colour colour_at(const std::vector<PaintSpan>* spans, size_t byte, Colour otherwise) {
  Colour colour = otherwise;
  if (spans)
    for (const PaintSpan& span : *spans)
      if (span.colour != 0 && byte >= span.begin && byte < span.end) colour = span.colour;
  return colour;
}

}  // namespace

struct TextEngine::Label {
  std::string key;
  ParagraphLayout layout;
};

bool is_light(Colour colour) {
  const auto channel = [&](int shift) { return static_cast<float>(colour >> shift & 0xFF); };
  return 0.2126f * channel(0) + 0.7152f * channel(8) + 0.0722f * channel(16) > 140.0f;
}

TextEngine::TextEngine(std::unique_ptr<FontStack> fonts, TextureSink& sink)
    : fonts_(std::move(fonts)), pages_(std::make_unique<GlyphPages>(*fonts_, sink)) {}
TextEngine::~TextEngine() = default;

Result<std::unique_ptr<TextEngine>> TextEngine::create(const FontOptions& options, TextureSink& sink) {
  init_linebreak();
  FABULA_ASSIGN(auto fonts, FontStack::create(options));
  return std::unique_ptr<TextEngine>(new TextEngine(std::move(fonts), sink));
}

void TextEngine::begin_frame() {
  pages_->begin_frame();
}

void TextEngine::set_language(const std::string& language) {
  fonts_->set_language(language);
  labels_.clear();
  label_index_.clear();
}

void TextEngine::reset_glyphs() {
  pages_->clear();
  labels_.clear();
  label_index_.clear();
}

const ParagraphLayout& TextEngine::label(std::string_view text, const LabelStyle& style) {
  if (style.wrap_width_px <= 0 && text.size() > max_label_bytes)
    text = text.substr(0, floor_grapheme(text, max_label_bytes));
  std::string key = label_key(text, style);
  if (const auto at = label_index_.find(key); at != label_index_.end()) {
    labels_.splice(labels_.begin(), labels_, at->second);
    return labels_.front().layout;
  }
  std::string flat(text);  // a label is one paragraph; U+2028 breaks its lines
  for (size_t at = 0; (at = flat.find('\n', at)) != std::string::npos;)
    flat.replace(at, 1, style.wrap_width_px > 0 ? "\u2028" : " ");
  const FaceMetrics& metrics = fonts_->metrics(style.font);
  const LineOptions options{style.wrap_width_px, style.line_spacing, metrics.ascent, metrics.descent,
                            style.size_px * style.font.scale};
  auto shaped =
      std::make_shared<const ShapedParagraph>(shape_paragraph(*fonts_, flat, style.font, {}, style.size_px));
  labels_.push_front({key, ParagraphLayout(std::move(shaped), options)});
  label_index_.emplace(std::move(key), labels_.begin());
  if (labels_.size() > max_labels) {
    label_index_.erase(labels_.back().key);
    labels_.pop_back();
  }
  return labels_.front().layout;
}

LabelSize TextEngine::measure(std::string_view text, const LabelStyle& style) {
  const ParagraphLayout& layout = label(text, style);
  return {layout.width(), layout.height()};
}

float TextEngine::line_height(const LabelStyle& style) {
  return std::round(style.size_px * style.font.scale * style.line_spacing);
}

// The longest beginning that fits together with an ellipsis, cut between graphemes.
std::string TextEngine::ellipsized(std::string_view text, const LabelStyle& style, float max_width_px) {
  constexpr std::string_view ellipsis = "\u2026";
  const float room = max_width_px - measure(ellipsis, style).width;
  const ParagraphLayout& layout = label(text, style);
  const ShapedParagraph& shaped = layout.shaped();
  float x = 0;
  size_t end = 0;
  for (size_t i = 0; i < shaped.clusters.size() && x + shaped.clusters[i].width <= room; ++i) {
    x += shaped.clusters[i].width;
    end = shaped.cluster_end(i);
  }
  std::string out(text.substr(0, end));
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out.append(ellipsis);
}

float TextEngine::draw(ImDrawList& list, Point top_left, std::string_view text, const LabelStyle& style,
                       Colour colour, float max_width_px) {
  if (text.empty()) return 0;
  const ParagraphLayout* layout = &label(text, style);
  if (max_width_px > 0 && layout->width() > max_width_px + 0.5f)
    layout = &label(ellipsized(text, style, max_width_px), style);
  const Point origin{std::round(top_left.x * 4) / 4, std::round(top_left.y)};
  for (size_t i = 0; i < layout->lines().size(); ++i) draw_line(list, *layout, i, origin, colour);
  return layout->width();
}

void TextEngine::draw_in(ImDrawList& list, const Rect& rect, std::string_view text, const LabelStyle& style,
                         Colour colour, float align) {
  const LabelSize size = measure(text, style);
  const float width = std::min(size.width, rect.width);
  draw(list, {rect.x + (rect.width - width) * align, rect.y + (rect.height - size.height) / 2}, text, style,
       colour, rect.width);
}

void TextEngine::draw_line(ImDrawList& list, const ParagraphLayout& layout, size_t index, Point origin,
                           Colour colour, const std::vector<PaintSpan>* spans, size_t base) {
  const ShapedParagraph& shaped = layout.shaped();
  const Line& line = layout.lines()[index];
  const float baseline = std::round(origin.y + line.y) + line.baseline;
  const ImVec2 clip_min = list.GetClipRectMin(), clip_max = list.GetClipRectMax();
  if (baseline + line.height < clip_min.y || baseline - line.height > clip_max.y) return;
  TextureId bound = 0;
  for (uint32_t p = line.piece_begin; p < line.piece_end; ++p) {
    const LinePiece& piece = layout.pieces()[p];
    const ShapedRun& run = shaped.runs[shaped.clusters[piece.cluster_begin].run];
    float pen = origin.x + line.x + piece.x;
    if (pen > clip_max.x || pen + piece.width < clip_min.x - run.size_px) continue;
    const bool backwards = run.level % 2 != 0;
    for (uint32_t c = 0; c < piece.cluster_end - piece.cluster_begin; ++c) {
      const Cluster& cluster =
          shaped.clusters[backwards ? piece.cluster_end - 1 - c : piece.cluster_begin + c];
      if (pen > clip_max.x) break;
      if (pen + cluster.width < clip_min.x - run.size_px || cluster.space) {
        pen += cluster.width;
        continue;
      }
      const Colour own = colour_at(spans, base + cluster.begin, colour);
      for (uint32_t g = 0; g < cluster.glyph_count; ++g) {
        const Glyph& glyph = shaped.glyphs[cluster.glyph_begin + g];
        draw_glyph(list, run, glyph, pen, baseline, own, bound);
        pen += glyph.advance;
      }
    }
  }
  if (bound != 0) list.PopTextureID();
}

void TextEngine::draw_glyph(ImDrawList& list, const ShapedRun& run, const Glyph& glyph, float pen,
                            float baseline, Colour colour, TextureId& bound) {
  const float exact = pen + glyph.x_offset;
  const int phases = run.size_px > small_text_px ? 1 : GlyphPages::phases;
  const float steps = std::floor(exact * static_cast<float>(phases) + 0.5f);
  const float x = std::floor(steps / static_cast<float>(phases));
  const int phase = static_cast<int>(steps - x * static_cast<float>(phases)) * (GlyphPages::phases / phases);
  const PlacedGlyph placed = pages_->get(run.face, glyph.id, run.size_px, phase, is_light(colour));
  if (placed.texture == 0) return;
  if (placed.texture != bound) {
    if (bound != 0) list.PopTextureID();
    list.PushTextureID((ImTextureID)placed.texture);  // a pointer in ImGui 1.86, an integer in later ones
    bound = placed.texture;
  }
  const float left = x + static_cast<float>(placed.left);
  const float top = baseline - std::round(glyph.y_offset) - static_cast<float>(placed.top);
  const Colour tint = placed.colour ? (colour | 0x00FFFFFF) : colour;
  list.PrimReserve(6, 4);
  list.PrimRectUV({left, top},
                  {left + static_cast<float>(placed.width), top + static_cast<float>(placed.height)},
                  {placed.u0, placed.v0}, {placed.u1, placed.v1}, tint);
}

}  // namespace fabula::text
