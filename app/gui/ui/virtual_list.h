// A long list of items of unequal height of which only those in view are measured. The place on the screen hangs on one item
// (the anchor), so that heights that become known above it never make the view jump. Sticks to its end until scrolled up.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace fabula::gui {

class VirtualList {
 public:
  struct Placed {
    size_t index = 0;
    float y = 0;  // top of the item, from the viewport's top
    float height = 0;
  };
  using Measure = std::function<float(size_t index)>;  // exact height; asked for items in view only

  // Items whose heights are not known yet are taken to be `estimate` high. Shrinking forgets the rest.
  void set_count(size_t count, float estimate);
  void forget_heights(float estimate);  // the width or the scale has changed
  void reset();                         // another document: at its end
  size_t count() const { return heights_.size(); }

  void scroll_by(float pixels);  // > 0: towards the end
  void scroll_to(float top);     // in estimated coordinates, for the scroll bar
  void jump_to_end() { at_end_ = true; }
  void reveal(size_t index);     // its top at the viewport's top
  bool at_end() const { return at_end_; }

  const std::vector<Placed>& layout(float viewport, const Measure& measure);
  float total() const;
  float top() const;  // of the viewport, in estimated coordinates

 private:
  float measured(size_t index, const Measure& measure) { return heights_[index] = measure(index); }
  void place_from_end(float viewport, const Measure& measure);
  void normalise(const Measure& measure);

  std::vector<float> heights_;
  std::vector<Placed> placed_;
  size_t anchor_ = 0;
  float offset_ = 0;  // how far the viewport's top is below the anchor's top
  bool at_end_ = true;
};

}  // namespace fabula::gui
