// Text that knows where its characters came from: bytes in UTF-8 with runs of equal origin.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fabula::text::jinja {

using Origin = int32_t;
constexpr Origin kFromTemplate =
    -2;  // written by the template; -1: from a variable; otherwise an index into messages

class Text {
 public:
  struct Run {
    size_t end;  // bytes; begins where the run before it ends
    Origin origin;
  };

  Text() = default;
  explicit Text(std::string bytes, Origin origin = kFromTemplate)
      : bytes_(std::move(bytes)), uniform_(origin) {}

  std::string_view view() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  size_t capacity_bytes() const { return bytes_.capacity() + runs_.capacity() * sizeof(Run); }
  void reserve(size_t bytes) { bytes_.reserve(bytes); }

  Origin origin_at(size_t byte) const;
  void append(std::string_view bytes, Origin origin);
  void append(const Text& other, size_t begin, size_t end);  // keeps the origins; [begin, end) in bytes
  void append(const Text& other) { append(other, 0, other.size()); }
  Text slice(size_t begin, size_t end) const;

  // f(begin, end, origin) for each run within [begin, end).
  template <class F>
  void for_each_run(size_t begin, size_t end, F&& f) const {
    if (begin >= end) return;
    if (runs_.empty()) return void(f(begin, end, uniform_));
    for (size_t i = run_at(begin); begin < end; ++i) {
      const size_t stop = runs_[i].end < end ? runs_[i].end : end;
      f(begin, stop, runs_[i].origin);
      begin = stop;
    }
  }

  std::string take_bytes() && { return std::move(bytes_); }

 private:
  size_t run_at(size_t byte) const;

  std::string bytes_;
  Origin uniform_ = kFromTemplate;  // of all bytes where runs_ is empty
  std::vector<Run> runs_;           // otherwise at least two, sorted, the last one ends at bytes_.size()
};

}  // namespace fabula::text::jinja
