#include "app/gui/text/markdown_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "app/gui/text/highlight.h"
#include "app/gui/text/search.h"
#include "app/gui/text/text_engine.h"
#include "app/gui/text/unicode.h"

namespace fabula::text {

namespace {

// All distances are in text heights.
constexpr float block_gap = 0.75f, tight_gap = 0.25f, heading_gap = 1.2f;
constexpr float list_indent = 1.6f, quote_indent = 1.0f;
constexpr float code_padding = 0.75f, code_header = 1.9f, code_size = 0.88f;
constexpr float cell_padding = 0.55f, min_column = 3.0f;
constexpr int max_indents = 12;  // deeper ones stand no further to the right
constexpr std::array<float, 7> heading_scale = {1, 1.5f, 1.3f, 1.15f, 1.05f, 1, 1};

}  // namespace

MarkdownLook markdown_look(bool dark, float size_px) {
  MarkdownLook look;
  look.size_px = size_px;
  if (!dark) return look;
  look.text = 0xffe8e6e6;
  look.muted = 0xffa8a4a2;
  look.link = 0xfff0b080;
  look.code_background = 0x14ffffff;
  look.line = 0x30ffffff;
  look.selection = 0x70b06020;
  look.keyword = 0xffe0a0d8, look.string = 0xff98d8a0, look.comment = 0xff9a9a9a, look.number = 0xff90c0f0;
  return look;
}

float estimate_height(std::string_view text, float width_px, float size_px, float line_spacing) {
  constexpr float ems_per_byte = 0.42f;
  const float line = std::round(size_px * line_spacing);
  const auto lines_of = [&](size_t bytes) {
    return std::max(1.0f,
                    std::ceil(static_cast<float>(bytes) * ems_per_byte * size_px / std::max(1.0f, width_px)));
  };
  float lines = 0;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.size(), text.find('\n', at));
    lines += lines_of(end - at);
    at = end + 1;
  }
  return lines * line;
}

MarkdownView::MarkdownView(TextEngine& engine) : engine_(&engine) {}

void MarkdownView::set_text(std::string_view markdown) {
  if (markdown == document_.source()) return;
  const bool grows = markdown.substr(0, document_.source().size()) == document_.source();
  rebuild(document_.set_text(markdown));
  if (!grows) clear_selection();
}

void MarkdownView::set_look(const MarkdownLook& look) {
  if (look == look_) return;
  look_ = look;
  rebuild(0);
}

// Leaves before `from_block` stay; later ones are filled anew, and keep what of their text is unchanged.
void MarkdownView::rebuild(size_t from_block) {
  const std::vector<MarkdownBlock>& blocks = document_.blocks();
  from_block = std::min({from_block, boxes_.size(), blocks.size()});
  size_t next = from_block < boxes_.size() ? boxes_[from_block].first_leaf
                                           : (boxes_.empty() ? 0 : boxes_.back().last_leaf);
  boxes_.resize(from_block);
  for (size_t i = from_block; i < blocks.size(); ++i) {
    BlockBox box;
    box.first_leaf = next;
    const MarkdownBlock& block = blocks[i];
    if (block.kind == BlockKind::table) {
      for (size_t row = 0; row < block.rows.size(); ++row)
        for (size_t column = 0; column < std::min(block.rows[row].size(), block.columns.size()); ++column)
          fill_leaf(leaf_of(i, row, column, next), block, block.rows[row][column]);
    } else if (block.kind != BlockKind::rule) {
      fill_leaf(leaf_of(i, 0, 0, next), block, block.content);
    }
    box.last_leaf = next;
    boxes_.push_back(std::move(box));
  }
  leaves_.resize(next);
  paint_hits();
  dirty_ = true;
}

MarkdownView::Leaf& MarkdownView::leaf_of(size_t block, size_t row, size_t column, size_t& next) {
  if (next == leaves_.size()) leaves_.push_back(std::make_unique<Leaf>(*engine_));
  Leaf& leaf = *leaves_[next++];
  leaf.block = block, leaf.row = row, leaf.column = column;
  return leaf;
}

void MarkdownView::fill_leaf(Leaf& leaf, const MarkdownBlock& block, const InlineText& content) {
  const bool code = block.kind == BlockKind::code;
  FlowStyle style;
  style.size_px = look_.size_px * (code ? code_size : 1);
  style.font.family = code ? FontFamily::mono : FontFamily::ui;
  style.line_spacing = block.kind == BlockKind::heading ? 1.3f : look_.line_spacing;
  if (block.kind == BlockKind::heading)
    style.font.scale = heading_scale[static_cast<size_t>(std::clamp(block.level, 1, 6))],
    style.font.weight = FontWeight::bold;
  if (block.kind == BlockKind::table && leaf.row == 0) style.font.weight = FontWeight::semibold;
  leaf.flow.set_style(style);
  // What streams is mostly appended: the flow then shapes its last paragraph alone.
  const std::string old = leaf.flow.text();
  std::vector<FontSpan> fonts = content.fonts;
  if (block.kind == BlockKind::heading)
    for (FontSpan& span : fonts) span.style.scale *= style.font.scale;
  if (old.size() <= content.text.size() && content.text.compare(0, old.size(), old) == 0)
    leaf.flow.append(std::string_view(content.text).substr(old.size()));
  else
    leaf.flow.set_text(content.text);
  leaf.flow.set_font_spans(std::move(fonts));
  std::vector<PaintSpan> paint;
  for (const InlineMark& mark : content.marks) {
    PaintSpan span;
    span.begin = mark.begin, span.end = mark.end;
    if (mark.kind == InlineKind::link) span.colour = look_.link, span.underline = true, span.tag = mark.link;
    if (mark.kind == InlineKind::code) span.background = look_.code_background, span.rounded = true;
    if (mark.kind == InlineKind::strike) span.strikethrough = true;
    if (mark.kind == InlineKind::formula) span.colour = look_.muted;
    paint.push_back(span);
  }
  if (code)
    for (const CodeSpan& span : highlight(content.text, block.language)) {
      const Colour colours[] = {look_.keyword, look_.string, look_.comment, look_.number};
      paint.push_back({span.begin, span.end, colours[static_cast<size_t>(span.kind)]});
    }
  leaf.hits = find_all(content.text, needle_, 10000, match_case_);
  leaf.paint = std::move(paint);
}

size_t MarkdownView::find(std::string_view needle, Colour hit, Colour current_hit, size_t current, bool match_case) {
  if (needle != needle_ || match_case != match_case_) {
    needle_ = needle;
    match_case_ = match_case;
    for (const auto& leaf : leaves_) leaf->hits = find_all(leaf->flow.text(), needle_, 10000, match_case_);
  }
  hit_colour_ = hit, current_colour_ = current_hit, current_hit_ = current;
  paint_hits();
  size_t count = 0;
  for (const auto& leaf : leaves_) count += leaf->hits.size();
  return count;
}

void MarkdownView::paint_hits() {
  size_t number = 0;
  for (const auto& leaf : leaves_) {
    std::vector<PaintSpan> paint = leaf->paint;
    for (const auto& [begin, end] : leaf->hits) {
      PaintSpan span;
      span.begin = begin, span.end = end;
      span.background = number++ == current_hit_ ? current_colour_ : hit_colour_;
      paint.push_back(span);
    }
    leaf->flow.set_paint_spans(std::move(paint));
  }
}

Rect MarkdownView::hit_rect(size_t index) {
  for (const auto& leaf : leaves_) {
    if (index >= leaf->hits.size()) {
      index -= leaf->hits.size();
      continue;
    }
    const auto [begin, end] = leaf->hits[index];
    const auto rects = leaf->flow.range_rects(begin, end, 0, leaf->rect.height);
    Rect r = rects.empty() ? Rect{} : rects.front();
    r.x += leaf->rect.x, r.y += leaf->rect.y;
    return r;
  }
  return {};
}

// ---- layout

float MarkdownView::height(float width_px) {
  if (dirty_ || std::abs(width_px - width_) > 0.01f) {
    width_ = width_px;
    place_blocks();
    dirty_ = false;
  }
  return height_;
}

void MarkdownView::forget_glyphs() {
  for (const auto& leaf : leaves_) leaf->flow.forget_glyphs();
}

void MarkdownView::place_blocks() {
  const std::vector<MarkdownBlock>& blocks = document_.blocks();
  const float em = look_.size_px;
  float y = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const MarkdownBlock& block = blocks[i];
    BlockBox& box = boxes_[i];
    if (i > 0)
      y += std::round(em * (block.tight                        ? tight_gap
                            : block.kind == BlockKind::heading ? heading_gap
                                                               : block_gap));
    box.indent =
        std::round(em * (list_indent * static_cast<float>(std::min(block.list_depth, max_indents)) +
                         quote_indent * static_cast<float>(std::min(block.quote_depth, max_indents))));
    const float x = box.indent, width = std::max(em * min_column, width_ - x);
    float height = 0;
    if (block.kind == BlockKind::table) {
      height = place_table(i, x, y, width);
    } else if (block.kind == BlockKind::rule) {
      height = std::round(em * 0.5f);
    } else {
      Leaf& leaf = *leaves_[box.first_leaf];
      const bool code = block.kind == BlockKind::code;
      const float padding = code ? std::round(em * code_padding) : 0,
                  header = code ? std::round(em * code_header) : 0;
      leaf.flow.set_width(width - 2 * padding);
      leaf.flow.layout_missing();
      leaf.rect = {x + padding, y + header, width - 2 * padding, leaf.flow.height()};
      height = leaf.rect.height + header + padding;
    }
    box.rect = {x, y, box.rect.width > 0 && block.kind == BlockKind::table ? box.rect.width : width, height};
    y += height;
  }
  height_ = y;
}

// Columns take what they need; where that is too much, the wide ones share what is left in proportion.
float MarkdownView::place_table(size_t index, float x, float y, float width) {
  const MarkdownBlock& block = document_.blocks()[index];
  BlockBox& box = boxes_[index];
  const float em = look_.size_px, padding = std::round(em * cell_padding);
  const size_t columns = block.columns.size();
  std::vector<float> wanted(columns, em);
  for (size_t i = box.first_leaf; i < box.last_leaf; ++i) {
    Leaf& leaf = *leaves_[i];
    leaf.flow.set_width(1e6f);
    leaf.flow.layout_missing();
    wanted[leaf.column] = std::max(wanted[leaf.column], std::ceil(leaf.flow.content_width()) + 1);
  }
  float total = 0, room = std::max(em, width - 2 * padding * static_cast<float>(columns));
  for (const float w : wanted) total += w;
  if (total > room) {
    const float fair = room / static_cast<float>(std::max<size_t>(1, columns));
    float small = 0, large = 0;
    for (const float w : wanted) (w <= fair ? small : large) += w;
    for (float& w : wanted)
      if (w > fair) w = std::max(em * min_column, (room - small) * w / large);
  }
  box.column_x.assign(1, x);
  for (const float w : wanted) box.column_x.push_back(box.column_x.back() + w + 2 * padding);
  box.rect.width = box.column_x.back() - x;
  box.row_y.assign(1, y);
  for (size_t i = box.first_leaf; i < box.last_leaf;) {
    const size_t row = leaves_[i]->row, first = i;
    float row_height = 0;
    for (; i < box.last_leaf && leaves_[i]->row == row; ++i) {
      Leaf& leaf = *leaves_[i];
      leaf.flow.set_width(wanted[leaf.column]);
      leaf.flow.layout_missing();
      row_height = std::max(row_height, leaf.flow.height());
    }
    for (size_t k = first; k < i; ++k) {
      Leaf& leaf = *leaves_[k];
      const float spare = std::max(0.0f, wanted[leaf.column] - leaf.flow.content_width());
      const Align align = block.columns[leaf.column];
      const float shift = align == Align::right ? spare : align == Align::centre ? spare / 2 : 0;
      leaf.rect = {box.column_x[leaf.column] + padding + std::floor(shift),
                   box.row_y.back() + std::round(padding / 2), wanted[leaf.column], leaf.flow.height()};
    }
    box.row_y.push_back(box.row_y.back() + row_height + 2 * std::round(padding / 2));
  }
  return box.row_y.back() - y;
}

std::vector<MarkdownView::CodeBlock> MarkdownView::code_blocks() const {
  std::vector<CodeBlock> out;
  for (size_t i = 0; i < boxes_.size(); ++i) {
    const MarkdownBlock& block = document_.blocks()[i];
    if (block.kind != BlockKind::code) continue;
    const Rect& r = boxes_[i].rect;
    const float height = std::round(look_.size_px * code_header);
    out.push_back({r,
                   {r.x + r.width - 5 * look_.size_px, r.y, 5 * look_.size_px, height},
                   block.language,
                   block.content.text});
  }
  return out;
}

std::string MarkdownView::link_at(Point point) {
  for (const auto& leaf : leaves_) {
    if (!leaf->rect.contains(point)) continue;
    const uint32_t tag = leaf->flow.tag_at({point.x - leaf->rect.x, point.y - leaf->rect.y});
    if (tag != 0 && tag <= document_.links().size()) return document_.links()[tag - 1];
  }
  return {};
}

std::vector<MarkdownView::Link> MarkdownView::links(float top, float bottom) {
  std::vector<Link> out;
  size_t number = 0;
  for (const auto& leaf : leaves_) {
    const bool seen = leaf->rect.y <= bottom && leaf->rect.y + leaf->rect.height >= top;
    for (const PaintSpan& span : leaf->paint) {
      if (span.tag == 0 || span.tag > document_.links().size()) continue;
      const size_t mine = number++;
      if (!seen) continue;
      const auto rects = leaf->flow.range_rects(span.begin, span.end, 0, leaf->rect.height);
      if (rects.empty()) continue;
      Rect first = rects.front();
      first.x += leaf->rect.x, first.y += leaf->rect.y;
      out.push_back({mine, first, document_.links()[span.tag - 1]});
    }
  }
  return out;
}

// ---- selection

MarkdownView::Place MarkdownView::place_at(Point point) {
  if (leaves_.empty()) return {};
  // The leaf under the point, else the nearest: rows first, then columns.
  size_t best = 0;
  float best_distance = 1e30f;
  for (size_t i = 0; i < leaves_.size(); ++i) {
    const Rect& r = leaves_[i]->rect;
    const float dy = std::max({0.0f, r.y - point.y, point.y - (r.y + r.height)});
    const float dx = std::max({0.0f, r.x - point.x, point.x - (r.x + r.width)});
    const float distance = dy * 10000 + dx;
    if (distance < best_distance) best = i, best_distance = distance;
  }
  Leaf& leaf = *leaves_[best];
  return {best, leaf.flow
                    .hit({point.x - leaf.rect.x,
                          std::clamp(point.y - leaf.rect.y, 0.0f, std::max(0.0f, leaf.rect.height - 1))})
                    .offset};
}

void MarkdownView::unit_around(Place place, Place& begin, Place& end) {
  const TextFlow& flow = leaves_[place.leaf]->flow;
  const size_t paragraph = flow.paragraph_of(place.offset), base = flow.paragraph_begin(paragraph);
  const std::string& text = flow.paragraph_text(paragraph);
  const WordRange range = unit_ == 3 ? WordRange{0, text.size()} : word_around(text, place.offset - base);
  begin = {place.leaf, base + range.begin};
  end = {place.leaf, base + range.end};
}

void MarkdownView::mouse_down(Point point, int clicks, bool shift) {
  if (leaves_.empty()) return;
  unit_ = std::clamp(clicks, 1, 3);
  caret_ = place_at(point);
  if (unit_ == 1) {
    if (!shift) anchor_ = caret_;
    return;
  }
  unit_around(caret_, unit_begin_, unit_end_);
  anchor_ = unit_begin_, caret_ = unit_end_;
}

void MarkdownView::mouse_drag(Point point) {
  if (leaves_.empty()) return;
  const Place at = place_at(point);
  if (unit_ == 1) {
    caret_ = at;
    return;
  }
  Place begin, end;
  unit_around(at, begin, end);
  const bool before = begin < unit_begin_;
  anchor_ = before ? unit_end_ : unit_begin_;
  caret_ = before ? begin : std::max(end, unit_end_);
}

void MarkdownView::select_all() {
  anchor_ = {};
  if (!leaves_.empty()) caret_ = {leaves_.size() - 1, leaves_.back()->flow.size_bytes()};
}

void MarkdownView::clear_selection() {
  anchor_ = caret_ = {};
}
bool MarkdownView::has_selection() const {
  return anchor_ != caret_;
}

std::pair<size_t, size_t> MarkdownView::selected_in(size_t index) const {
  const Place begin = std::min(anchor_, caret_), end = std::max(anchor_, caret_);
  if (index < begin.leaf || index > end.leaf) return {0, 0};
  const size_t size = leaves_[index]->flow.size_bytes();
  return {index == begin.leaf ? std::min(begin.offset, size) : 0,
          index == end.leaf ? std::min(end.offset, size) : size};
}

std::string MarkdownView::selected_text() const {
  std::string out;
  const Place begin = std::min(anchor_, caret_), end = std::max(anchor_, caret_);
  for (size_t i = begin.leaf; i < std::min(leaves_.size(), end.leaf + 1); ++i) {
    const Leaf& leaf = *leaves_[i];
    const MarkdownBlock& block = document_.blocks()[leaf.block];
    if (i > begin.leaf) {
      const Leaf& before = *leaves_[i - 1];
      const bool same_table = before.block == leaf.block;
      out += same_table ? (before.row == leaf.row ? "\t" : "\n") : block.tight ? "\n" : "\n\n";
      if (!block.marker.empty()) out += block.marker + " ";
    }
    const auto [from, to] = selected_in(i);
    out += leaf.flow.text(from, to);
  }
  return out;
}

bool MarkdownView::key(const KeyPress& press, Clipboard& clipboard) {
  if (!press.ctrl) return false;
  if (press.key == Key::a) return select_all(), true;
  if (press.key != Key::c) return false;
  if (has_selection()) clipboard.set(selected_text());
  return true;
}

}  // namespace fabula::text
