// For loops and the `loop` variable (jinja2's LoopContext).
#include "core/text/jinja/failure.h"
#include "core/text/jinja/interpreter.h"
#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

namespace {

// `for x in y if test`: asks the test when an item is wanted, not before.
struct TestedIterator final : Iterator {
  TestedIterator(Interpreter& i, const For& f, Value source, Value a)
      : Iterator("generator"), interpreter(i), node(f), inner(std::move(source)), activation(std::move(a)) {}
  bool next(Runtime& runtime, Value& out) override {
    while (jinja::next(runtime, inner, out))
      if (interpreter.passes(node, activation, out)) return true;
    return false;
  }
  void drop() noexcept override { inner = {}, activation = {}; }
  Interpreter& interpreter;
  const For& node;
  Value inner, activation;
};

Value loop_cycle(Runtime&, Bound& bound);
Value loop_changed(Runtime&, Bound& bound);
constexpr Builtin kLoopMethods[] = {{"cycle", "*", loop_cycle}, {"changed", "*", loop_changed}};

struct Loop final : Instance {
  Loop(Interpreter& i, const For& f, Value source, Value iter, int64_t depth, Value c)
      : interpreter(i),
        node(f),
        iterable(std::move(source)),
        iterator(std::move(iter)),
        depth0(depth),
        closure(std::move(c)) {}

  std::string_view type_name() const override { return "LoopContext"; }
  std::string type_for_messages() const override { return "jinja2.runtime.LoopContext object"; }
  std::string repr(Runtime&) const override { return "<LoopContext " + std::to_string(index0 + 1) + ">"; }
  bool callable() const override { return true; }

  Value call(Runtime&, Arguments& arguments) override {
    if (!node.recursive) type_error("The loop must have the 'recursive' marker to be called recursively.");
    if (arguments.positional.size() != 1 || !arguments.keyword.empty())
      type_error("loop() takes exactly one argument");
    return interpreter.run_recursive(node, arguments.positional[0], depth0 + 1, closure);
  }

  bool advance(Runtime& runtime) {
    Value item;
    if (!ahead.is(Kind::missing))
      item = std::exchange(ahead, {});
    else if (!jinja::next(runtime, iterator, item))
      return false;
    ++index0;
    before = std::exchange(current, item);
    return true;
  }

  const Value& peek(Runtime& runtime) {
    if (ahead.is(Kind::missing)) {
      Value item;
      if (jinja::next(runtime, iterator, item)) ahead = std::move(item);
    }
    return ahead;
  }

  int64_t length(Runtime& runtime) {
    if (known_length >= 0) return known_length;
    known_length = iterable.is(Kind::missing) ? -1 : length_or_negative(iterable);
    if (known_length >= 0) return known_length;
    std::vector<Value> rest = collect(runtime, iterator);
    known_length = static_cast<int64_t>(rest.size()) + index0 + 1 + (ahead.is(Kind::missing) ? 0 : 1);
    iterator = iterate(runtime, runtime.heap.list(std::move(rest)));
    return known_length;
  }

  Value attribute_or_missing(Runtime& runtime, std::string_view name) override {
    if (name == "index") return Value::of(index0 + 1);
    if (name == "index0") return Value::of(index0);
    if (name == "first") return Value::of(index0 == 0);
    if (name == "last") return Value::of(peek(runtime).is(Kind::missing));
    if (name == "length") return Value::of(length(runtime));
    if (name == "revindex") return Value::of(length(runtime) - index0);
    if (name == "revindex0") return Value::of(length(runtime) - index0 - 1);
    if (name == "depth") return Value::of(depth0 + 1);
    if (name == "depth0") return Value::of(depth0);
    if (name == "previtem") return index0 == 0 ? runtime.heap.undefined("there is no previous item") : before;
    if (name == "nextitem") {
      const Value& item = peek(runtime);
      return item.is(Kind::missing) ? runtime.heap.undefined("there is no next item") : item;
    }
    if (const Builtin* method = find_builtin(kLoopMethods, name))
      return function_value(runtime, *method, Value::of(Kind::instance, this));
    return {};
  }

  void drop() noexcept override {
    iterable = iterator = closure = ahead = before = current = changed = Value{};
  }

  Interpreter& interpreter;
  const For& node;
  Value iterable;  // for its length; missing where the loop has a test
  Value iterator;
  int64_t depth0;
  Value closure;
  int64_t index0 = -1, known_length = -1;
  Value ahead, before, current, changed;
};

Value loop_cycle(Runtime&, Bound& bound) {
  const auto& values = bound.rest.positional;
  if (values.empty()) type_error("no items for cycling given");
  return values[static_cast<size_t>(bound.self.as<Loop>().index0) % values.size()];
}

Value loop_changed(Runtime& runtime, Bound& bound) {
  Loop& loop = bound.self.as<Loop>();
  Value now = runtime.heap.tuple(std::move(bound.rest.positional));
  if (!loop.changed.is(Kind::missing) && equal(loop.changed, now)) return Value::of(false);
  loop.changed = std::move(now);
  return Value::of(true);
}

}  // namespace

bool Interpreter::passes(const For& node, const Value& activation, const Value& item) {
  const Enter enter(*this, activation);
  assign(*node.test_target, item);
  return truth(eval(*node.test));
}

Interpreter::Flow Interpreter::run_for(const For& node) {
  const Value iterable = eval(*node.iterable);
  if (!node.recursive) return run_loop(node, iterable, 0, {});
  append_str(*out_, run_recursive(node, iterable, 0, activation_));
  return Flow::normal;
}

Value Interpreter::run_recursive(const For& node, const Value& iterable, int64_t depth,
                                 const Value& closure) {
  const Runtime::Level level(runtime_);
  const Enter enter(*this, new_activation(node.function, closure));
  Capture capture(*this);
  run_loop(node, iterable, depth, closure);
  return capture.value();
}

Interpreter::Flow Interpreter::run_loop(const For& node, const Value& iterable, int64_t depth,
                                        const Value& closure) {
  Value iterator = iterate(runtime_, iterable);
  if (node.test) {
    enter_frame(node.test_frame);
    iterator = runtime_.heap.make<TestedIterator>(Kind::iterator, *this, node, iterator, activation_);
  }
  Value loop, item;
  if (node.loop.slot >= 0)
    loop = runtime_.heap.make<Loop>(Kind::instance, *this, node, node.test ? Value{} : iterable, iterator,
                                    depth, closure);
  const auto advance = [&] {
    if (loop.is(Kind::missing)) return next(runtime_, iterator, item);
    if (!loop.as<Loop>().advance(runtime_)) return false;
    item = loop.as<Loop>().current;
    return true;
  };
  bool never = true;
  Flow flow = Flow::normal;
  while (flow != Flow::break_ && advance()) {
    assign(*node.target, item);
    enter_frame(node.frame);
    if (node.loop.slot >= 0) slot(node.loop) = loop;
    flow = run(node.body);
    if (flow == Flow::normal)
      never = false;  // as in jinja2, a pass that ends with `continue` or `break` does not count
  }
  leave_frame(node.frame);
  if (!node.has_else || !never) return Flow::normal;
  enter_frame(node.else_frame);
  flow = run(node.otherwise);
  leave_frame(node.else_frame);
  return flow;
}

}  // namespace fabula::text::jinja
