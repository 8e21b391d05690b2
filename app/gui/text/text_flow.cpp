#include "app/gui/text/text_flow.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "app/gui/text/spans.h"
#include "app/gui/text/text_engine.h"
#include "app/gui/text/unicode.h"

namespace fabula::text {

namespace {

// Pieces of a long paragraph: cut behind the last space of the first 12 KiB once there are more than 16.
constexpr size_t max_piece_bytes = size_t{16} << 10, cut_bytes = size_t{12} << 10;

size_t cut_of(std::string_view text) {
  const size_t space = text.rfind(' ', cut_bytes);
  if (space != std::string_view::npos && space > cut_bytes / 2) return space + 1;
  if (const size_t grapheme = floor_grapheme(text, cut_bytes); grapheme > 0) return grapheme;
  size_t cut = cut_bytes;  // one endless cluster of marks: between two characters
  while (cut > cut_bytes - 4 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return cut;
}

}  // namespace

TextFlow::TextFlow(TextEngine& engine) : engine_(&engine), paragraphs_(1) {}
TextFlow::~TextFlow() = default;
TextFlow::TextFlow(TextFlow&&) noexcept = default;

// ---- the text

size_t TextFlow::size_bytes() const {
  update_sums();
  return paragraphs_.back().begin + paragraphs_.back().text.size();
}

std::string TextFlow::text(size_t begin, size_t end) const {
  std::string out;
  end = std::min(end, size_bytes());
  if (begin >= end) return out;
  out.reserve(end - begin);
  for (size_t i = paragraph_of(begin); i < paragraphs_.size() && paragraphs_[i].begin < end; ++i) {
    const Paragraph& paragraph = paragraphs_[i];
    const size_t from = begin > paragraph.begin ? begin - paragraph.begin : 0;
    if (from <= paragraph.text.size()) out.append(paragraph.text, from, end - paragraph.begin - from);
    if (paragraph.begin + paragraph.text.size() < end && !paragraph.continues) out += '\n';
  }
  return out;
}

void TextFlow::set_text(std::string_view text) {
  font_spans_.clear();
  paint_spans_.clear();
  paragraphs_.assign(1, {});
  sums_valid_ = 0;
  replace(0, 0, text);
}

void TextFlow::replace(size_t begin, size_t end, std::string_view with) {
  const size_t size = size_bytes();
  end = std::min(end, size);
  begin = std::min(begin, end);
  size_t first = paragraph_of(begin), last = paragraph_of(end);
  // A short rest of a piece joins its neighbours again.
  if (first > 0 && paragraphs_[first - 1].continues && begin - paragraphs_[first].begin < cut_bytes / 2)
    --first;
  if (paragraphs_[last].continues &&
      paragraphs_[last].begin + paragraphs_[last].text.size() - end < cut_bytes / 2)
    ++last;
  const bool continues = paragraphs_[last].continues;
  const std::string tail = end > paragraphs_[last].begin
                               ? paragraphs_[last].text.substr(end - paragraphs_[last].begin)
                               : text(end, paragraphs_[last].begin) + paragraphs_[last].text;
  std::string head = text(paragraphs_[first].begin, begin);
  std::vector<Paragraph> fresh;
  const auto add = [&](std::string_view paragraph, bool goes_on) {
    while (paragraph.size() > max_piece_bytes) {
      const size_t cut = cut_of(paragraph);
      fresh.push_back({std::string(paragraph.substr(0, cut)), nullptr, 0, true, false, 0, 0});
      paragraph.remove_prefix(cut);
    }
    fresh.push_back({std::string(paragraph), nullptr, 0, goes_on, false, 0, 0});
  };
  for (size_t at = 0;;) {
    const size_t line = with.find('\n', at);
    head.append(with.substr(at, line == std::string_view::npos ? line : line - at));
    if (line == std::string_view::npos) break;
    add(head, false);
    head.clear();
    at = line + 1;
  }
  add(head + tail, continues);
  for (Paragraph& paragraph : fresh) paragraph.height = estimate(paragraph);
  const auto at = paragraphs_.begin() + static_cast<ptrdiff_t>(first);
  const size_t replaced = last - first + 1, kept = std::min(replaced, fresh.size());
  std::move(fresh.begin(), fresh.begin() + static_cast<ptrdiff_t>(kept), at);
  if (fresh.size() > kept)
    paragraphs_.insert(at + static_cast<ptrdiff_t>(kept),
                       std::make_move_iterator(fresh.begin() + static_cast<ptrdiff_t>(kept)),
                       std::make_move_iterator(fresh.end()));
  else
    paragraphs_.erase(at + static_cast<ptrdiff_t>(kept), at + static_cast<ptrdiff_t>(replaced));
  invalidate_from(first);
  shift_spans(font_spans_, begin, end, with.size(), true);
  shift_spans(paint_spans_, begin, end, with.size(), false);
}

void TextFlow::invalidate_from(size_t index) const {
  sums_valid_ = std::min(sums_valid_, index);
}

void TextFlow::update_sums() const {
  for (size_t i = sums_valid_; i < paragraphs_.size(); ++i) {
    const Paragraph* before = i > 0 ? &paragraphs_[i - 1] : nullptr;
    paragraphs_[i].begin = before ? before->begin + before->text.size() + (before->continues ? 0 : 1) : 0;
    paragraphs_[i].y =
        before ? before->y + before->height + (before->continues ? 0 : style_.paragraph_spacing_px) : 0;
  }
  sums_valid_ = paragraphs_.size();
}

size_t TextFlow::paragraph_of(size_t offset) const {
  update_sums();
  const auto after = std::upper_bound(paragraphs_.begin(), paragraphs_.end(), offset,
                                      [](size_t value, const Paragraph& p) { return value < p.begin; });
  return static_cast<size_t>(after - paragraphs_.begin()) - 1;
}

size_t TextFlow::paragraph_begin(size_t index) const {
  update_sums();
  return paragraphs_[index].begin;
}

const std::string& TextFlow::paragraph_text(size_t index) const {
  return paragraphs_[index].text;
}

// ---- how it looks

void TextFlow::set_style(const FlowStyle& style) {
  if (style == style_) return;
  style_ = style;
  for (Paragraph& paragraph : paragraphs_) {
    paragraph.layout = nullptr;
    paragraph.exact = false;
    paragraph.height = estimate(paragraph);
  }
  sums_valid_ = 0;
}

void TextFlow::set_width(float width_px) {
  if (std::abs(width_px - width_) < 0.01f) return;
  width_ = width_px;
  for (Paragraph& paragraph : paragraphs_) {
    paragraph.exact = false;
    paragraph.height = estimate(paragraph);
  }
  sums_valid_ = 0;
}

void TextFlow::set_font_spans(std::vector<FontSpan> spans) {
  if (spans == font_spans_) return;
  // What differs lies between the common beginning and the common end of the two lists.
  const auto [old_from, new_from] =
      std::mismatch(font_spans_.begin(), font_spans_.end(), spans.begin(), spans.end());
  size_t begin = SIZE_MAX, end = 0;
  for (auto at = old_from; at != font_spans_.end(); ++at)
    begin = std::min(begin, at->begin), end = std::max(end, at->end);
  for (auto at = new_from; at != spans.end(); ++at)
    begin = std::min(begin, at->begin), end = std::max(end, at->end);
  font_spans_ = std::move(spans);
  if (begin >= end) return;
  const size_t first = paragraph_of(begin), last = paragraph_of(end);
  for (size_t i = first; i <= last; ++i) {
    paragraphs_[i].layout = nullptr;
    paragraphs_[i].exact = false;
  }
}

void TextFlow::set_paint_spans(std::vector<PaintSpan> spans) {
  paint_spans_ = std::move(spans);
}

std::vector<FontSpan> TextFlow::spans_of(size_t index) const {
  std::vector<FontSpan> out;
  if (font_spans_.empty()) return out;
  const size_t begin = paragraph_begin(index), end = begin + paragraphs_[index].text.size();
  for (const FontSpan& span : font_spans_) {
    const size_t from = std::max(begin, span.begin), to = std::min(end, span.end);
    if (from < to) out.push_back({from - begin, to - begin, span.style});
  }
  return out;
}

}  // namespace fabula::text
