// What typing has made of a text since it was last saved: a list of replaced places, kept small by joining
// neighbours. Undoing an edit takes it off the list again.
// Thread: none of its own.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace fabula::text {

struct EditorChange;

// A place of the saved text: `removed` became `text`.
struct PendingEdit {
  size_t begin = 0;
  std::string removed;
  std::string text;

  bool operator==(const PendingEdit&) const = default;
};

class PendingEdits {
 public:
  // In the order in which they were made; offsets are of the text just before the change.
  void add(const EditorChange& change);
  void clear() { places_.clear(); }
  bool empty() const { return places_.empty(); }
  // Sorted, disjoint, trimmed of what is the same on both sides; places that are as they were are left out.
  // `now(begin, end)`: bytes of the present text.
  std::vector<PendingEdit> list(const std::function<std::string(size_t begin, size_t end)>& now) const;
  // Bytes of the saved text that no edit comes after, and how much longer the present text is there.
  size_t last_end() const;
  std::ptrdiff_t growth() const;

 private:
  struct Place {
    size_t saved_begin = 0;
    std::string removed;  // of the saved text
    size_t begin = 0, size = 0;  // in the present text

    size_t end() const { return begin + size; }
    std::ptrdiff_t growth() const { return static_cast<std::ptrdiff_t>(size) - static_cast<std::ptrdiff_t>(removed.size()); }
  };
  std::vector<Place> places_;
};

// One edit that leads from `saved` to `now`; none where they are equal.
std::vector<PendingEdit> difference(const std::string& saved, const std::string& now);

}  // namespace fabula::text
