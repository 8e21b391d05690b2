// Values that are made when they are asked for, as Python's generators.
#pragma once

#include <functional>
#include <utility>

#include "core/text/jinja/value.h"

namespace fabula::text::jinja {

struct Generator final : Iterator {
  using Step = std::function<bool(Runtime&, Value&)>;  // false: there are no more
  explicit Generator(Step s) : Iterator("generator"), step(std::move(s)) {}
  bool next(Runtime& runtime, Value& out) override { return step && step(runtime, out); }
  void drop() noexcept override { step = nullptr; }
  Step step;
};

inline Value make_generator(Heap& heap, Generator::Step step) {
  return heap.make<Generator>(Kind::iterator, std::move(step));
}

}  // namespace fabula::text::jinja
