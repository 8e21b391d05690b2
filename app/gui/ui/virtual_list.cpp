#include "app/gui/ui/virtual_list.h"

#include <algorithm>
#include <numeric>

namespace fabula::gui {

void VirtualList::set_count(size_t count, float estimate) {
  heights_.resize(count, estimate);
  if (anchor_ >= count) {
    anchor_ = count == 0 ? 0 : count - 1;
    offset_ = 0;
  }
}

void VirtualList::forget_heights(float estimate) { std::fill(heights_.begin(), heights_.end(), estimate); }

void VirtualList::reset() {
  heights_.clear();
  placed_.clear();
  anchor_ = 0;
  offset_ = 0;
  at_end_ = true;
}

void VirtualList::scroll_by(float pixels) {
  if (pixels < 0) at_end_ = false;
  if (!at_end_) offset_ += pixels;
}

void VirtualList::scroll_to(float top) {
  at_end_ = false;
  anchor_ = 0;
  offset_ = std::max(top, 0.0f);
  while (anchor_ + 1 < heights_.size() && offset_ >= heights_[anchor_]) offset_ -= heights_[anchor_++];
}

void VirtualList::reveal(size_t index) {
  at_end_ = false;
  anchor_ = std::min(index, heights_.empty() ? 0 : heights_.size() - 1);
  offset_ = 0;
}

float VirtualList::total() const { return std::accumulate(heights_.begin(), heights_.end(), 0.0f); }

float VirtualList::top() const {
  return std::accumulate(heights_.begin(), heights_.begin() + static_cast<ptrdiff_t>(std::min(anchor_, heights_.size())), 0.0f) + offset_;
}

void VirtualList::place_from_end(float viewport, const Measure& measure) {
  anchor_ = heights_.size();
  float filled = 0;
  while (anchor_ > 0 && filled < viewport) filled += measured(--anchor_, measure);
  offset_ = std::max(filled - viewport, 0.0f);
}

void VirtualList::normalise(const Measure& measure) {
  while (offset_ < 0 && anchor_ > 0) offset_ += measured(--anchor_, measure);
  offset_ = std::max(offset_, 0.0f);
  while (anchor_ + 1 < heights_.size() && offset_ >= measured(anchor_, measure)) offset_ -= heights_[anchor_++];
}

const std::vector<VirtualList::Placed>& VirtualList::layout(float viewport, const Measure& measure) {
  placed_.clear();
  if (heights_.empty()) return placed_;
  if (!at_end_) {
    normalise(measure);
    float y = -offset_;
    size_t i = anchor_;
    while (i < heights_.size() && y < viewport) y += measured(i++, measure);
    at_end_ = i == heights_.size() && y <= viewport;  // scrolled to the end, or beyond it
  }
  if (at_end_) place_from_end(viewport, measure);
  float y = -offset_;
  for (size_t i = anchor_; i < heights_.size() && y < viewport; ++i) {
    placed_.push_back({i, y, heights_[i]});
    y += heights_[i];
  }
  return placed_;
}

}  // namespace fabula::gui
