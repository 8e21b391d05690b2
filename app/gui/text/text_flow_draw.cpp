#include <imgui.h>

#include <algorithm>
#include <cmath>

#include "app/gui/text/text_engine.h"
#include "app/gui/text/text_flow.h"

namespace fabula::text {

namespace {

void fill(ImDrawList& list, Point origin, const Rect& rect, Colour colour) {
  list.AddRectFilled({origin.x + rect.x, std::round(origin.y + rect.y)},
                     {origin.x + rect.x + rect.width, std::round(origin.y + rect.y + rect.height)}, colour);
}

void fill_pill(ImDrawList& list, Point origin, const Rect& rect, float size_px, Colour colour) {
  const float height = std::round(size_px * 1.3f), side = std::round(size_px * 0.15f);
  const float top = std::round(origin.y + rect.y + (rect.height - height) / 2);
  list.AddRectFilled({origin.x + rect.x - side, top}, {origin.x + rect.x + rect.width + side, top + height},
                     colour, size_px * 0.22f);
}

}  // namespace

void TextFlow::draw(ImDrawList& list, Point origin, float clip_top, float clip_bottom,
                    const FlowPaint& paint) {
  const float top = clip_top - origin.y, bottom = clip_bottom - origin.y;
  if (bottom <= 0 || top >= height()) return;
  prepare(top, bottom - top);
  const size_t first = paragraph_at_y(std::max(0.0f, top));
  size_t last = first;
  while (last < paragraphs_.size() && paragraph_y(last) < bottom) ++last;
  if (first >= last) return;
  // Spans are looked through once; each line then sees only those near it.
  const size_t begin = paragraph_begin(first),
               end = paragraph_begin(last - 1) + paragraphs_[last - 1].text.size() + 1;
  std::vector<PaintSpan> spans;
  for (const PaintSpan& span : paint_spans_)
    if (span.begin < end && span.end > begin) spans.push_back(span);
  for (const PaintSpan& span : spans)
    if (span.background != 0)
      for (const Rect& rect : range_rects(std::max(begin, span.begin), std::min(end, span.end), top, bottom))
        span.rounded ? fill_pill(list, origin, rect, style_.size_px, span.background)
                     : fill(list, origin, rect, span.background);
  if (paint.selection != 0)
    for (const Rect& rect :
         range_rects(std::max(begin, paint.selection_begin), std::min(end, paint.selection_end), top, bottom))
      fill(list, origin, rect, paint.selection);
  for (size_t i = first; i < last; ++i) draw_paragraph(list, i, origin, top, bottom, paint, spans);
  draw_strokes(list, origin, top, bottom, paint, spans);
}

void TextFlow::draw_paragraph(ImDrawList& list, size_t index, Point origin, float top, float bottom,
                              const FlowPaint& paint, const std::vector<PaintSpan>& spans) {
  const ParagraphLayout& layout = *laid_out(index).layout;
  const size_t base = paragraph_begin(index);
  const float y = paragraph_y(index);
  std::vector<PaintSpan> near;
  for (size_t k = layout.line_at(top - y); k < layout.lines().size(); ++k) {
    const Line& line = layout.lines()[k];
    if (y + line.y > bottom) break;
    near.clear();
    for (const PaintSpan& span : spans)
      if (span.colour != 0 && span.begin < base + line.end && span.end > base + line.begin)
        near.push_back(span);
    engine_->draw_line(list, layout, k, {origin.x, origin.y + y}, paint.text, near.empty() ? nullptr : &near,
                       base);
  }
}

void TextFlow::draw_strokes(ImDrawList& list, Point origin, float top, float bottom, const FlowPaint& paint,
                            const std::vector<PaintSpan>& spans) {
  const FaceMetrics& metrics = engine_->fonts().metrics(style_.font);
  const float size_px = style_.size_px * style_.font.scale;
  const float thickness = std::max(1.0f, std::round(metrics.underline_thickness * size_px));
  for (const PaintSpan& span : spans) {
    if (!span.underline && !span.strikethrough) continue;
    const Colour colour = span.colour != 0 ? span.colour : paint.text;
    for (const Rect& rect : range_rects(span.begin, std::min(span.end, size_bytes()), top, bottom)) {
      const float baseline =
          rect.y + std::round((rect.height - (metrics.ascent + metrics.descent) * size_px) / 2 +
                              metrics.ascent * size_px);
      if (span.underline)
        fill(list, origin,
             {rect.x, baseline + std::max(1.0f, std::round(metrics.underline_offset * size_px)), rect.width,
              thickness},
             colour);
      if (span.strikethrough)
        fill(list, origin,
             {rect.x, baseline - std::round(metrics.x_height * size_px * 0.5f), rect.width, thickness},
             colour);
    }
  }
}

}  // namespace fabula::text
