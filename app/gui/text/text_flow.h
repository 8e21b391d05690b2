// A text of any length, cut into paragraphs at '\n', laid out where it is looked at. TextView and Editor
// stand on it. Far-away paragraphs have estimated heights until they come into view; an edit shapes again
// only the paragraphs it touches. A paragraph of more than 16 KiB is kept in pieces cut at spaces, so that
// an edit in it stays cheap; the line before a cut may end early.
// Offsets are bytes of the whole text.
// Coordinates are pixels from the flow's top left corner.
// Thread: the UI thread alone. The engine must outlive the flow.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/gui/text/lines.h"
#include "app/gui/text/style.h"

struct ImDrawList;

namespace fabula::text {

class TextEngine;

struct FlowStyle {
  FontStyle font;
  float size_px = 16;
  float line_spacing = 1.5f;       // line height / text height
  float paragraph_spacing_px = 0;  // between two paragraphs
  bool wrap = true;

  bool operator==(const FlowStyle&) const = default;
};

struct FlowPaint {
  Colour text = 0xff000000;
  Colour selection = 0;
  size_t selection_begin = 0;
  size_t selection_end = 0;
};

class TextFlow {
 public:
  explicit TextFlow(TextEngine& engine);
  ~TextFlow();
  TextFlow(TextFlow&&) noexcept;
  TextFlow& operator=(TextFlow&&) = delete;

  // ---- the text
  size_t size_bytes() const;
  bool empty() const { return size_bytes() == 0; }
  std::string text() const { return text(0, size_bytes()); }
  std::string text(size_t begin, size_t end) const;
  void set_text(std::string_view text);
  void replace(size_t begin, size_t end, std::string_view with);
  void append(std::string_view text) { replace(size_bytes(), size_bytes(), text); }
  size_t paragraph_count() const { return paragraphs_.size(); }
  size_t paragraph_of(size_t offset) const;
  size_t paragraph_begin(size_t index) const;  // offset of its first byte
  bool line_feed_after(size_t index) const {
    return !paragraphs_[index].continues;
  }  // false: the next is a piece of the same
  const std::string& paragraph_text(size_t index) const;

  // ---- how it looks
  void set_style(const FlowStyle& style);
  const FlowStyle& style() const { return style_; }
  void set_width(float width_px);
  float width() const { return width_; }
  void set_font_spans(std::vector<FontSpan> spans);    // shapes again the paragraphs whose spans differ
  void set_paint_spans(std::vector<PaintSpan> spans);  // a later span in the list wins; costs nothing
  const std::vector<PaintSpan>& paint_spans() const { return paint_spans_; }

  // ---- geometry
  // Exact for paragraphs that have been laid out at this width, estimated for the others.
  float height() const;
  // Lays out everything. For short texts, tests and benches.
  void layout_all();
  // Lays out what is only estimated; forgotten glyphs stay forgotten, since their height is known.
  void layout_missing();
  void forget_glyphs();  // of a text that is out of sight; heights stay known
  // Lays out what [top, top + height) shows and forgets the glyphs of paragraphs far from it. Returns how
  // much the first visible paragraph moved down because estimates above it became exact: add it to the scroll
  // position.
  float prepare(float top, float height);
  float content_width() const;  // widest line laid out so far
  Rect caret_rect(Caret caret);
  Caret hit(Point point);
  Rect line_rect(Caret caret);
  Caret line_begin(Caret caret);
  Caret line_end(Caret caret);
  // One line up (-1) or down (+1), near x. At the first or last line: the text's begin or end.
  Caret move_lines(Caret caret, int lines, float x);
  bool right_to_left(size_t offset);  // direction of the paragraph
  std::vector<Rect> range_rects(size_t begin, size_t end, float top, float bottom);
  uint32_t tag_at(Point point);  // of the last paint span under the point, 0 where there is none

  // Draws the lines that cross [clip_top, clip_bottom) (screen pixels) with the flow's corner at `origin`.
  void draw(ImDrawList& list, Point origin, float clip_top, float clip_bottom, const FlowPaint& paint);

  uint64_t shaped_paragraphs() const { return shaped_count_; }  // ever; tests and benches watch it

 private:
  struct Paragraph {
    std::string text;
    std::shared_ptr<const ParagraphLayout> layout;  // null: not laid out, or forgotten
    float height = 0;
    bool continues = false;    // the next one is a piece of the same paragraph: no line feed between them
    bool exact = false;        // height is of a layout at this width and style
    mutable size_t begin = 0;  // these two as far as sums_valid_ says
    mutable float y = 0;
  };
  Paragraph& laid_out(size_t index);
  void invalidate_from(size_t index) const;
  void update_sums() const;
  float estimate(const Paragraph& paragraph) const;
  size_t paragraph_at_y(float y) const;
  std::vector<FontSpan> spans_of(size_t index) const;
  void forget_far(float top, float height);
  float paragraph_y(size_t index) const;
  struct Place {
    size_t paragraph = 0;
    const ParagraphLayout* layout = nullptr;
    size_t line = 0;
    Caret local;  // relative to the paragraph
  };
  Place place(Caret caret);
  Caret whole(size_t index, Caret local) const;
  void draw_paragraph(ImDrawList& list, size_t index, Point origin, float top, float bottom,
                      const FlowPaint& paint, const std::vector<PaintSpan>& spans);
  void draw_strokes(ImDrawList& list, Point origin, float top, float bottom, const FlowPaint& paint,
                    const std::vector<PaintSpan>& spans);

  TextEngine* engine_;
  FlowStyle style_;
  float width_ = 0;
  std::vector<Paragraph> paragraphs_;
  std::vector<FontSpan> font_spans_;
  std::vector<PaintSpan> paint_spans_;
  mutable size_t sums_valid_ = 0;  // paragraphs whose begin and y are up to date
  uint64_t shaped_count_ = 0;
};

}  // namespace fabula::text
