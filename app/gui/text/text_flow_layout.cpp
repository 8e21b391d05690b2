// Where the text of a flow stands: layout on demand, and the way between points and carets.
#include <algorithm>
#include <cmath>
#include <utility>

#include "app/gui/text/text_engine.h"
#include "app/gui/text/text_flow.h"

namespace fabula::text {

namespace {

// Glyphs of paragraphs farther than this many views from what is seen are forgotten, once a flow holds many
// bytes of them.
constexpr float kept_views = 3.0f;
constexpr size_t kept_bytes = size_t{128} << 10;

// One em of text per so many bytes: Latin letters take about half an em, ideographs an em for three bytes.
constexpr float ems_per_byte = 0.42f;

}  // namespace

float TextFlow::estimate(const Paragraph& paragraph) const {
  const float width = width_ > 0 && style_.wrap ? width_ : 1e9f;
  const float ems =
      static_cast<float>(paragraph.text.size()) * ems_per_byte * style_.size_px * style_.font.scale;
  return std::max(1.0f, std::ceil(ems / width)) *
         std::round(style_.size_px * style_.font.scale * style_.line_spacing);
}

TextFlow::Paragraph& TextFlow::laid_out(size_t index) {
  Paragraph& paragraph = paragraphs_[index];
  if (paragraph.layout && paragraph.exact) return paragraph;
  std::shared_ptr<const ShapedParagraph> shaped;
  if (paragraph.layout) {  // only the width has changed
    shaped = paragraph.layout->shared_shape();
  } else {
    shaped = std::make_shared<const ShapedParagraph>(
        shape_paragraph(engine_->fonts(), paragraph.text, style_.font, spans_of(index), style_.size_px));
    ++shaped_count_;
  }
  const FaceMetrics& metrics = engine_->fonts().metrics(style_.font);
  const LineOptions options{style_.wrap ? width_ : 0, style_.line_spacing, metrics.ascent, metrics.descent,
                            style_.size_px * style_.font.scale};
  paragraph.layout = std::make_shared<const ParagraphLayout>(std::move(shaped), options);
  paragraph.exact = true;
  if (paragraph.height != paragraph.layout->height()) {
    paragraph.height = paragraph.layout->height();
    invalidate_from(index + 1);
  }
  return paragraph;
}

float TextFlow::height() const {
  update_sums();
  return paragraphs_.back().y + paragraphs_.back().height;
}

float TextFlow::content_width() const {
  float width = 0;
  for (const Paragraph& paragraph : paragraphs_)
    if (paragraph.layout) width = std::max(width, paragraph.layout->width());
  return width;
}

void TextFlow::layout_all() {
  for (size_t i = 0; i < paragraphs_.size(); ++i) laid_out(i);
}

void TextFlow::layout_missing() {
  for (size_t i = 0; i < paragraphs_.size(); ++i)
    if (!paragraphs_[i].exact) laid_out(i);
}

void TextFlow::forget_glyphs() {
  for (Paragraph& paragraph : paragraphs_) paragraph.layout = nullptr;
}

size_t TextFlow::paragraph_at_y(float y) const {
  update_sums();
  const auto after = std::upper_bound(paragraphs_.begin(), paragraphs_.end(), y,
                                      [](float value, const Paragraph& p) { return value < p.y; });
  return after == paragraphs_.begin() ? 0 : static_cast<size_t>(after - paragraphs_.begin()) - 1;
}

float TextFlow::prepare(float top, float height) {
  // What the person looks at stays where it is: the first visible paragraph that is exact already, else the
  // first one.
  const size_t first = paragraph_at_y(top);
  size_t anchor = first;
  for (size_t i = first; i < paragraphs_.size() && paragraphs_[i].y < top + height; ++i)
    if (paragraphs_[i].exact) {
      anchor = i;
      break;
    }
  const float before = paragraphs_[anchor].y;
  float moved = 0;
  for (int pass = 0; pass < 8; ++pass) {  // exact heights may bring further paragraphs into view
    bool changed = false;
    for (size_t i = paragraph_at_y(top + moved); i < paragraphs_.size(); ++i) {
      update_sums();
      if (paragraphs_[i].y >= top + moved + height) break;
      if (!paragraphs_[i].layout || !paragraphs_[i].exact) laid_out(i), changed = true;
    }
    update_sums();
    moved = paragraphs_[anchor].y - before;
    if (!changed) break;
  }
  forget_far(top + moved, height);
  return moved;
}

void TextFlow::forget_far(float top, float height) {
  size_t held = 0;
  for (const Paragraph& paragraph : paragraphs_)
    if (paragraph.layout) held += paragraph.text.size();
  if (held <= kept_bytes) return;
  for (Paragraph& paragraph : paragraphs_) {
    const bool near = paragraph.y + paragraph.height > top - kept_views * height &&
                      paragraph.y < top + (1 + kept_views) * height;
    if (!near) paragraph.layout = nullptr;  // its height stays known
  }
}

Caret TextFlow::hit(Point point) {
  const size_t index = paragraph_at_y(std::max(0.0f, point.y));
  const Paragraph& paragraph = laid_out(index);
  return whole(index,
               paragraph.layout->hit(paragraph.layout->line_at(point.y - paragraph_y(index)), point.x));
}

// A caret of one paragraph as one of the flow. At the end of a piece it stands before the next one, on the
// line above.
Caret TextFlow::whole(size_t index, Caret local) const {
  const Paragraph& paragraph = paragraphs_[index];
  if (paragraph.continues && local.offset == paragraph.text.size()) local.upstream = true;
  return {paragraph_begin(index) + local.offset, local.upstream};
}

float TextFlow::paragraph_y(size_t index) const {
  update_sums();
  return paragraphs_[index].y;
}

TextFlow::Place TextFlow::place(Caret caret) {
  caret.offset = std::min(caret.offset, size_bytes());
  size_t index = paragraph_of(caret.offset);
  if (caret.upstream && index > 0 && paragraphs_[index - 1].continues &&
      paragraphs_[index].begin == caret.offset)
    --index;
  const Paragraph& paragraph = laid_out(index);
  const Caret local{caret.offset - paragraph_begin(index), caret.upstream};
  return {index, paragraph.layout.get(), paragraph.layout->line_of(local), local};
}

Rect TextFlow::caret_rect(Caret caret) {
  const Place at = place(caret);
  const Line& line = at.layout->lines()[at.line];
  float x = at.layout->caret_x(at.local);
  if (width_ > 0 && style_.wrap)
    x = std::clamp(x, 0.0f, width_);  // spaces hang past the edge, the caret does not
  return {x, paragraph_y(at.paragraph) + line.y, 1, line.height};
}

Rect TextFlow::line_rect(Caret caret) {
  const Place at = place(caret);
  const Line& line = at.layout->lines()[at.line];
  return {line.x, paragraph_y(at.paragraph) + line.y, line.width, line.height};
}

Caret TextFlow::line_begin(Caret caret) {
  const Place at = place(caret);
  return {paragraph_begin(at.paragraph) + at.layout->lines()[at.line].begin, false};
}

Caret TextFlow::line_end(Caret caret) {
  const Place at = place(caret);
  const std::vector<Line>& lines = at.layout->lines();
  const Line& line = lines[at.line];
  if (at.line + 1 == lines.size()) return whole(at.paragraph, {line.end, false});
  const Cluster& last = at.layout->shaped().clusters[line.cluster_end - 1];
  return whole(at.paragraph, last.must_break ? Caret{last.begin, false} : Caret{line.end, true});
}

Caret TextFlow::move_lines(Caret caret, int lines, float x) {
  Place at = place(caret);
  auto line = static_cast<ptrdiff_t>(at.line);
  for (; lines < 0; ++lines) {
    if (line > 0) {
      --line;
    } else if (at.paragraph == 0) {
      return {0, false};
    } else {
      at.layout = laid_out(--at.paragraph).layout.get();
      line = static_cast<ptrdiff_t>(at.layout->lines().size()) - 1;
    }
  }
  for (; lines > 0; --lines) {
    if (line + 1 < static_cast<ptrdiff_t>(at.layout->lines().size())) {
      ++line;
    } else if (at.paragraph + 1 == paragraphs_.size()) {
      return {size_bytes(), false};
    } else {
      at.layout = laid_out(++at.paragraph).layout.get();
      line = 0;
    }
  }
  return whole(at.paragraph, at.layout->hit(static_cast<size_t>(line), x));
}

bool TextFlow::right_to_left(size_t offset) {
  return laid_out(paragraph_of(offset)).layout->shaped().right_to_left;
}

std::vector<Rect> TextFlow::range_rects(size_t begin, size_t end, float top, float bottom) {
  std::vector<Rect> out;
  end = std::min(end, size_bytes());
  if (begin >= end) return out;
  const float newline_px = style_.size_px * 0.3f;  // a selected line feed shows as a little more
  size_t i = std::max(paragraph_of(begin), paragraph_at_y(std::max(0.0f, top)));
  for (; i < paragraphs_.size() && paragraph_begin(i) < end && paragraph_y(i) < bottom; ++i) {
    const ParagraphLayout& layout = *laid_out(i).layout;
    const size_t base = paragraph_begin(i), size = paragraphs_[i].text.size();
    const auto from = static_cast<uint32_t>(begin > base ? std::min(begin - base, size) : 0);
    const auto to = static_cast<uint32_t>(std::min(end - base, size));
    const bool newline = begin <= base + size && end > base + size && !paragraphs_[i].continues;
    for (size_t k = 0; k < layout.lines().size(); ++k) {
      const Line& line = layout.lines()[k];
      const float y = paragraph_y(i) + line.y;
      if (y + line.height < top || y > bottom) continue;
      for (const auto& [left, right] : layout.ranges(k, from, to))
        out.push_back({left, y, right - left, line.height});
      if (newline && k + 1 == layout.lines().size())
        out.push_back({line.x + (layout.shaped().right_to_left ? -newline_px : line.width), y, newline_px,
                       line.height});
    }
  }
  return out;
}

uint32_t TextFlow::tag_at(Point point) {
  const Caret caret = hit(point);
  uint32_t tag = 0;
  for (const PaintSpan& span : paint_spans_) {
    if (span.tag == 0 || caret.offset + 4 < span.begin || caret.offset > span.end + 4) continue;
    for (const Rect& rect : range_rects(span.begin, span.end, point.y, point.y))
      if (rect.contains(point)) tag = span.tag;
  }
  return tag;
}

}  // namespace fabula::text
