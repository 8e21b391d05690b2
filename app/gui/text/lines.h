// A shaped paragraph broken into lines for a width: where each glyph stands, and the way from points to
// carets and back.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "app/gui/text/shape.h"

namespace fabula::text {

// Consecutive clusters of one run on one line.
struct LinePiece {
  uint32_t cluster_begin = 0;
  uint32_t cluster_end = 0;
  uint8_t level = 0;  // bidi level; spaces at the end of a line take the paragraph's
  float x = 0;        // left edge from the line's left edge
  float width = 0;
};

struct Line {
  uint32_t begin = 0;  // bytes; the trailing spaces belong to the line
  uint32_t end = 0;
  uint32_t cluster_begin = 0, cluster_end = 0;
  uint32_t piece_begin = 0, piece_end = 0;  // in the order of the screen, left to right
  float x = 0;  // where the first piece begins: paragraphs from right to left stand at the right
  float y = 0;
  float width = 0;  // without trailing spaces
  float height = 0;
  float baseline = 0;  // from y
};

struct LineOptions {
  float width = 0;            // pixels; 0 or less: never wrap
  float line_spacing = 1.5f;  // line height as a multiple of the text height
  float ascent = 0.95f;       // of the base font, as fractions of the text height
  float descent = 0.25f;
  float size_px = 16;  // text height of the base font
};

class ParagraphLayout {
 public:
  ParagraphLayout(std::shared_ptr<const ShapedParagraph> shaped, const LineOptions& options);

  const ShapedParagraph& shaped() const { return *shaped_; }
  const std::shared_ptr<const ShapedParagraph>& shared_shape() const { return shaped_; }
  const std::vector<Line>& lines() const { return lines_; }
  const std::vector<LinePiece>& pieces() const { return pieces_; }
  float height() const { return height_; }
  float width() const { return width_; }  // of the widest line

  size_t line_of(Caret caret) const;
  size_t line_at(float y) const;  // clamped
  float caret_x(Caret caret) const;
  Caret hit(size_t line, float x) const;
  // Left and right edge of every visual piece of [begin, end) on the line.
  std::vector<std::pair<float, float>> ranges(size_t line, uint32_t begin, uint32_t end) const;

 private:
  void break_lines(const LineOptions& options);
  void add_line(size_t cluster_begin, size_t cluster_end, const LineOptions& options);
  void order_pieces(Line& line);
  float x_inside(size_t cluster, uint32_t byte, bool backwards) const;  // from the cluster's left edge
  template <class Visit>
  void visit_clusters(const Line& line, Visit visit) const;  // left to right: (cluster, x, backwards)

  std::shared_ptr<const ShapedParagraph> shaped_;
  std::vector<Line> lines_;
  std::vector<LinePiece> pieces_;
  float height_ = 0;
  float width_ = 0;
};

}  // namespace fabula::text
