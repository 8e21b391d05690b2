#include "core/text/jinja/text.h"

#include <algorithm>

namespace fabula::text::jinja {

size_t Text::run_at(size_t byte) const {
  const auto found = std::upper_bound(runs_.begin(), runs_.end(), byte,
                                      [](size_t position, const Run& run) { return position < run.end; });
  return static_cast<size_t>(found - runs_.begin());
}

Origin Text::origin_at(size_t byte) const {
  if (runs_.empty()) return uniform_;
  return runs_[std::min(run_at(byte), runs_.size() - 1)].origin;
}

void Text::append(std::string_view bytes, Origin origin) {
  if (bytes.empty()) return;
  const Origin last = runs_.empty() ? uniform_ : runs_.back().origin;
  if (bytes_.empty()) {
    uniform_ = origin;
  } else if (last != origin) {
    if (runs_.empty()) runs_.push_back({bytes_.size(), uniform_});
    runs_.push_back({bytes_.size(), origin});
  }
  bytes_.append(bytes);
  if (!runs_.empty()) runs_.back().end = bytes_.size();
}

void Text::append(const Text& other, size_t begin, size_t end) {
  other.for_each_run(begin, end, [&](size_t from, size_t to, Origin origin) {
    append(other.view().substr(from, to - from), origin);
  });
}

Text Text::slice(size_t begin, size_t end) const {
  Text out;
  if (begin < end) out.append(*this, begin, end);
  return out;
}

}  // namespace fabula::text::jinja
