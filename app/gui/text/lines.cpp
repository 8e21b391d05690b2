#include "app/gui/text/lines.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "app/gui/text/unicode.h"

namespace fabula::text {

namespace {

constexpr float slack_px = 0.01f;  // sums of widths differ by rounding

}  // namespace

ParagraphLayout::ParagraphLayout(std::shared_ptr<const ShapedParagraph> shaped, const LineOptions& options)
    : shaped_(std::move(shaped)) {
  break_lines(options);
}

// Greedy, as every text editor: spaces hang past the edge, a word wider than the line is split between
// clusters.
void ParagraphLayout::break_lines(const LineOptions& options) {
  const std::vector<Cluster>& clusters = shaped_->clusters;
  size_t begin = 0,
         last_break = 0;  // last_break: one behind the last cluster that allows a break; 0: none on this line
  float x = 0;
  for (size_t i = 0; i < clusters.size(); ++i) {
    const Cluster& cluster = clusters[i];
    if (options.width > 0 && !cluster.space && i > begin && x + cluster.width > options.width + slack_px) {
      const size_t end = last_break > begin ? last_break : i;
      add_line(begin, end, options);
      begin = end;
      i = begin;
      x = 0;
    }
    x += clusters[i].width;
    if (clusters[i].break_after) last_break = i + 1;
    if (clusters[i].must_break) {
      add_line(begin, i + 1, options);
      begin = i + 1;
      x = 0;
    }
  }
  add_line(begin, clusters.size(), options);
}

void ParagraphLayout::add_line(size_t cluster_begin, size_t cluster_end, const LineOptions& options) {
  const std::vector<Cluster>& clusters = shaped_->clusters;
  Line line;
  line.cluster_begin = static_cast<uint32_t>(cluster_begin);
  line.cluster_end = static_cast<uint32_t>(cluster_end);
  line.begin = cluster_begin < clusters.size() ? clusters[cluster_begin].begin
                                               : static_cast<uint32_t>(shaped_->text.size());
  line.end = cluster_end > cluster_begin ? shaped_->cluster_end(cluster_end - 1) : line.begin;
  float size_px = cluster_begin < cluster_end ? 0 : options.size_px;
  for (size_t i = cluster_begin; i < cluster_end; ++i)
    size_px = std::max(size_px, shaped_->runs[clusters[i].run].size_px);
  line.y = height_;
  line.height = std::round(size_px * options.line_spacing);
  // Whole pixels, so that every line's strokes look the same.
  line.baseline =
      std::round((line.height - (options.ascent + options.descent) * size_px) / 2 + options.ascent * size_px);
  order_pieces(line);
  float total = 0;
  for (size_t i = line.piece_begin; i < line.piece_end; ++i) total += pieces_[i].width;
  size_t last = cluster_end;
  line.width = total;
  while (last > cluster_begin && clusters[last - 1].space) line.width -= clusters[--last].width;
  if (shaped_->right_to_left && options.width > 0) line.x = options.width - total;
  height_ += line.height;
  width_ = std::max(width_, line.width);
  lines_.push_back(line);
}

// UAX #9, L1 and L2, on pieces of runs.
void ParagraphLayout::order_pieces(Line& line) {
  const std::vector<Cluster>& clusters = shaped_->clusters;
  const uint8_t paragraph_level = shaped_->right_to_left ? 1 : 0;
  uint32_t spaces = line.cluster_end;
  while (spaces > line.cluster_begin && clusters[spaces - 1].space) --spaces;
  line.piece_begin = static_cast<uint32_t>(pieces_.size());
  uint8_t highest = 0;
  for (uint32_t i = line.cluster_begin; i < line.cluster_end;) {
    LinePiece piece{i, i, i < spaces ? shaped_->runs[clusters[i].run].level : paragraph_level, 0, 0};
    const uint32_t limit = i < spaces ? spaces : line.cluster_end;
    for (; i < limit && clusters[i].run == clusters[piece.cluster_begin].run; ++i)
      piece.width += clusters[i].width;
    piece.cluster_end = i;
    highest = std::max(highest, piece.level);
    pieces_.push_back(piece);
  }
  line.piece_end = static_cast<uint32_t>(pieces_.size());
  const auto first = pieces_.begin() + line.piece_begin, end = pieces_.begin() + line.piece_end;
  for (uint8_t level = highest; level > 0; --level) {
    for (auto at = first; at != end;) {
      const auto from = std::find_if(at, end, [&](const LinePiece& p) { return p.level >= level; });
      at = std::find_if(from, end, [&](const LinePiece& p) { return p.level < level; });
      std::reverse(from, at);
    }
  }
  float x = 0;
  for (auto at = first; at != end; ++at) x = (at->x = x) + at->width;
}

size_t ParagraphLayout::line_of(Caret caret) const {
  const auto after = std::upper_bound(lines_.begin(), lines_.end(), caret.offset,
                                      [](size_t offset, const Line& line) { return offset < line.begin; });
  auto index = static_cast<size_t>(after - lines_.begin());
  index = index == 0 ? 0 : index - 1;
  if (caret.upstream && index > 0 && lines_[index].begin == caret.offset) --index;
  return index;
}

size_t ParagraphLayout::line_at(float y) const {
  const auto after = std::upper_bound(lines_.begin(), lines_.end(), y,
                                      [](float at, const Line& line) { return at < line.y; });
  return after == lines_.begin() ? 0 : static_cast<size_t>(after - lines_.begin()) - 1;
}

float ParagraphLayout::x_inside(size_t index, uint32_t byte, bool backwards) const {
  const Cluster& cluster = shaped_->clusters[index];
  float share = 0;
  if (byte >= shaped_->cluster_end(index))
    share = 1;
  else if (byte > cluster.begin && cluster.graphemes > 1)
    share = static_cast<float>(count_graphemes(
                std::string_view(shaped_->text).substr(cluster.begin, byte - cluster.begin))) /
            static_cast<float>(cluster.graphemes);
  return cluster.width * (backwards ? 1 - share : share);
}

template <class Visit>
void ParagraphLayout::visit_clusters(const Line& line, Visit visit) const {
  for (uint32_t p = line.piece_begin; p < line.piece_end; ++p) {
    const LinePiece& piece = pieces_[p];
    const bool backwards = piece.level % 2 != 0;
    float x = line.x + piece.x;
    for (uint32_t i = 0; i < piece.cluster_end - piece.cluster_begin; ++i) {
      const uint32_t index = backwards ? piece.cluster_end - 1 - i : piece.cluster_begin + i;
      if (!visit(index, x, backwards)) return;
      x += shaped_->clusters[index].width;
    }
  }
}

float ParagraphLayout::caret_x(Caret caret) const {
  const Line& line = lines_[line_of(caret)];
  if (line.cluster_begin == line.cluster_end) return line.x;
  const auto offset = static_cast<uint32_t>(std::min<size_t>(caret.offset, line.end));
  // The cluster that begins at or holds the offset; at the end of the line, the far edge of the last one.
  const auto first = shaped_->clusters.begin() + line.cluster_begin,
             end = shaped_->clusters.begin() + line.cluster_end;
  const auto after =
      std::upper_bound(first, end, offset, [](uint32_t at, const Cluster& c) { return at < c.begin; });
  const auto wanted = static_cast<uint32_t>((after == first ? first : after - 1) - shaped_->clusters.begin());
  float found = line.x;
  visit_clusters(line, [&](uint32_t index, float x, bool backwards) {
    if (index != wanted) return true;
    found = x + x_inside(index, offset, backwards);
    return false;
  });
  return found;
}

Caret ParagraphLayout::hit(size_t index, float x) const {
  const Line& line = lines_[std::min(index, lines_.size() - 1)];
  if (line.cluster_begin == line.cluster_end) return {line.begin, false};
  // The cluster under x, or the outermost one on that side.
  uint32_t found = 0;
  float left = 0;
  bool backwards = false, any = false;
  visit_clusters(line, [&](uint32_t cluster, float at, bool back) {
    if (any && at > x) return false;
    found = cluster, left = at, backwards = back, any = true;
    return true;
  });
  const Cluster& cluster = shaped_->clusters[found];
  const std::string_view text(shaped_->text);
  const uint32_t end = shaped_->cluster_end(found);
  const float part =
      cluster.width > 0 ? std::clamp((x - left) / cluster.width, 0.0f, 1.0f) : (x > left ? 1.0f : 0.0f);
  const float graphemes = static_cast<float>(cluster.graphemes) * (backwards ? 1 - part : part);
  size_t offset = cluster.begin;
  for (int i = 0; i < static_cast<int>(std::lround(graphemes)) && offset < end; ++i)
    offset = cluster.begin +
             next_grapheme(text.substr(cluster.begin, end - cluster.begin), offset - cluster.begin);
  const bool last_line = &line == &lines_.back();
  if (offset >= line.end && !last_line) {
    if (shaped_->clusters[line.cluster_end - 1].must_break)
      return {shaped_->clusters[line.cluster_end - 1].begin, false};
    return {line.end, true};
  }
  return {offset, false};
}

std::vector<std::pair<float, float>> ParagraphLayout::ranges(size_t index, uint32_t begin,
                                                             uint32_t end) const {
  std::vector<std::pair<float, float>> out;
  visit_clusters(lines_[index], [&](uint32_t cluster, float x, bool backwards) {
    const uint32_t from = std::max(begin, shaped_->clusters[cluster].begin),
                   to = std::min(end, shaped_->cluster_end(cluster));
    if (from >= to) return true;
    float a = x + x_inside(cluster, from, backwards), b = x + x_inside(cluster, to, backwards);
    if (a > b) std::swap(a, b);
    if (!out.empty() && std::abs(out.back().second - a) < slack_px)
      out.back().second = b;
    else
      out.emplace_back(a, b);
    return true;
  });
  return out;
}

}  // namespace fabula::text
