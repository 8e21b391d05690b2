// What every operation of a render may use: the heap, the limits, the clock.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/text/chat_template.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/value.h"

namespace fabula::text::jinja {

class Runtime {
 public:
  Runtime(const TemplateLimits& limits, int64_t now_local_seconds)
      : heap(limits.max_memory_bytes, limits.max_output_bytes),
        limits(limits),
        now_local_seconds(now_local_seconds),
        steps_left_(limits.max_steps) {}

  Heap heap;
  const TemplateLimits limits;
  const int64_t now_local_seconds;
  bool autoescape = false;

  void step(int64_t n = 1) {
    if ((steps_left_ -= n) < 0)
      fail("TimeoutError",
           "the template takes too long: more than " + std::to_string(limits.max_steps) + " steps");
  }
  void step_bytes(size_t bytes) {
    step(static_cast<int64_t>(bytes >> 7));
  }  // work that grows with a text's length

  // One level of nesting of statements, expressions, calls or values; RecursionError beyond the limit.
  class Level {
   public:
    explicit Level(Runtime& runtime) : runtime_(runtime) {
      if (++runtime_.depth_ > runtime_.limits.max_depth) {
        --runtime_.depth_;
        fail("RecursionError", "maximum recursion depth exceeded");
      }
    }
    ~Level() { --runtime_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Runtime& runtime_;
  };

  Value string(std::string_view bytes) { return heap.string(std::string(bytes)); }

 private:
  friend class Level;
  int64_t steps_left_;
  int depth_ = 0;
};

// Collects text up to the limit of one string.
class TextBuilder {
 public:
  explicit TextBuilder(Runtime& runtime) : runtime_(runtime) {}
  void append(std::string_view bytes, Origin origin = kFromTemplate) {
    check(bytes.size());
    text_.append(bytes, origin);
  }
  void append(const Text& other, size_t begin, size_t end) {
    check(end > begin ? end - begin : 0);
    text_.append(other, begin, end);
  }
  void append(const Text& other) { append(other, 0, other.size()); }
  void repeat(std::string_view bytes, int64_t times, Origin origin = kFromTemplate);
  size_t size() const { return text_.size(); }
  Text take() { return std::move(text_); }
  Value value(bool markup = false) { return runtime_.heap.string(std::move(text_), markup); }
  Runtime& runtime() const { return runtime_; }

 private:
  void check(size_t more) {
    if (more > runtime_.limits.max_output_bytes || text_.size() > runtime_.limits.max_output_bytes - more)
      fail("MemoryError", "a text of the template is longer than " +
                              std::to_string(runtime_.limits.max_output_bytes) + " bytes");
    runtime_.step_bytes(more);
  }
  Runtime& runtime_;
  Text text_;
};

}  // namespace fabula::text::jinja
