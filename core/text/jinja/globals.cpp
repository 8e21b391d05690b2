// What every template finds without being given it: range, dict, namespace, cycler, joiner, raise_exception,
// strftime_now.
#include <algorithm>

#include "core/text/jinja/failure.h"
#include "core/text/jinja/instances.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/strftime.h"
#include "core/text/jinja/textops.h"

namespace fabula::text::jinja {

namespace {

Value range(Runtime& runtime, Bound& a) {
  const auto number = [](const Value& v) {
    return index_of(v, "'" + std::string(type_name(v)) + "' object cannot be interpreted as an integer");
  };
  const int64_t start = a.has(1) ? number(a[0]) : 0;
  const int64_t stop = number(a.has(1) ? a[1] : a[0]);
  const int64_t step = a.has(2) ? number(a[2]) : 1;
  if (step == 0) value_error("range() arg 3 must not be zero");
  // Unsigned, because the distance between two int64_t may need all 64 bits.
  const bool any = step > 0 ? start < stop : start > stop;
  const uint64_t low = static_cast<uint64_t>(std::min(start, stop)),
                 high = static_cast<uint64_t>(std::max(start, stop));
  const uint64_t by = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  const uint64_t length = any ? (high - low - 1) / by + 1 : 0;
  if (length > static_cast<uint64_t>(runtime.limits.max_range))
    fail("OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (" +
                              std::to_string(runtime.limits.max_range) + ").");
  return runtime.heap.make<Range>(Kind::range, start, stop, step, static_cast<int64_t>(length));
}

Value raise_exception(Runtime& runtime, Bound& a) {
  fail("TemplateError", str_bytes(runtime, a[0]));
}

Value strftime_now(Runtime& runtime, Bound& a) {
  const Text& format = want_string(a[0], "strftime() argument 1 must be str, not ");
  return runtime.string(format_time(format.view(), runtime.now_local_seconds));
}

Value lipsum(Runtime&, Bound&) {
  fail("SecurityError", "the function 'lipsum' is not offered: a template must give the same text each time");
}

// ---- cycler and joiner

struct Cycler final : Instance {
  explicit Cycler(std::vector<Value> v) : items(std::move(v)) {}
  std::string_view type_name() const override { return "Cycler"; }
  std::string type_for_messages() const override { return "jinja2.utils.Cycler object"; }
  std::string repr(Runtime&) const override { return "<jinja2.utils.Cycler object>"; }
  Value attribute_or_missing(Runtime& runtime, std::string_view name) override;
  void drop() noexcept override { items.clear(); }
  std::vector<Value> items;
  size_t at = 0;
};

Value cycler_next(Runtime&, Bound& a) {
  Cycler& cycler = a.self.as<Cycler>();
  const Value value = cycler.items[cycler.at];
  cycler.at = (cycler.at + 1) % cycler.items.size();
  return value;
}
Value cycler_reset(Runtime&, Bound& a) {
  a.self.as<Cycler>().at = 0;
  return Value::none();
}
constexpr Builtin kCyclerMethods[] = {{"next", "", cycler_next}, {"reset", "", cycler_reset}};

Value Cycler::attribute_or_missing(Runtime& runtime, std::string_view name) {
  if (name == "current") return items[at];
  if (name == "pos") return Value::of(static_cast<int64_t>(at));
  if (name == "items") return runtime.heap.tuple(items);
  const Builtin* method = find_builtin(kCyclerMethods, name);
  return method ? function_value(runtime, *method, Value::of(Kind::instance, this)) : Value{};
}

Value cycler(Runtime& runtime, Bound& a) {
  if (a.rest.positional.empty()) fail("RuntimeError", "at least one item has to be provided");
  return runtime.heap.make<Cycler>(Kind::instance, std::move(a.rest.positional));
}

struct Joiner final : Instance {
  explicit Joiner(Value s) : separator(std::move(s)) {}
  std::string_view type_name() const override { return "Joiner"; }
  std::string type_for_messages() const override { return "jinja2.utils.Joiner object"; }
  std::string repr(Runtime&) const override { return "<jinja2.utils.Joiner object>"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments& arguments) override {
    if (!arguments.positional.empty() || !arguments.keyword.empty())
      type_error("Joiner.__call__() takes 1 positional argument");
    return std::exchange(used, true) ? separator : runtime.string("");
  }
  Value attribute_or_missing(Runtime&, std::string_view name) override {
    return name == "sep" ? separator : name == "used" ? Value::of(used) : Value{};
  }
  void drop() noexcept override { separator = {}; }
  Value separator;
  bool used = false;
};

Value joiner(Runtime& runtime, Bound& a) {
  return runtime.heap.make<Joiner>(Kind::instance, a.has(0) ? a[0] : runtime.string(", "));
}

// ---- dict and namespace

Value namespace_function(Runtime& runtime, Bound& a) {
  return make_namespace(runtime, a.rest);
}

Value dict_from_keys(Runtime& runtime, Bound& a) {
  Value made = runtime.heap.dict();
  const Value iterator = iterate(runtime, a[0]);
  for (Value key; next(runtime, iterator, key);) made.as<Dict>().set(key, a.has(1) ? a[1] : Value::none());
  return made;
}
constexpr Builtin kFromKeys = {"fromkeys", "iterable value? /", dict_from_keys};

struct DictFactory final : Instance {  // `dict`, without the methods of the type
  std::string_view type_name() const override { return "TemplateDict"; }
  std::string repr(Runtime&) const override { return "<TemplateDict object>"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments& arguments) override { return make_dict(runtime, arguments); }
  Value attribute_or_missing(Runtime& runtime, std::string_view name) override {
    return name == "fromkeys" ? function_value(runtime, kFromKeys) : Value{};
  }
};

constexpr Builtin kTable[] = {
    {"range", "start stop? step? /", range},
    {"raise_exception", "message", raise_exception},
    {"strftime_now", "format", strftime_now},
    {"namespace", "* **", namespace_function},
    {"cycler", "*", cycler},
    {"joiner", "sep?", joiner},
    {"lipsum", "n? html? min? max?", lipsum},
};

}  // namespace

Value make_dict(Runtime& runtime, Arguments& arguments) {
  if (arguments.positional.size() > 1)
    type_error("dict expected at most 1 argument, got " + std::to_string(arguments.positional.size()));
  Value made = runtime.heap.dict();
  Dict& dict = made.as<Dict>();
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is(Kind::dict)) {
      for (const auto& [key, value] : source.as<Dict>().entries) dict.set(key, value);
    } else {
      const Value iterator = iterate(runtime, source);
      int64_t index = 0;
      for (Value pair; next(runtime, iterator, pair); ++index) {
        if (!is_iterable(pair))
          type_error("cannot convert dictionary update sequence element #" + std::to_string(index) +
                     " to a sequence");
        std::vector<Value> both = collect(runtime, pair);
        if (both.size() != 2)
          value_error("dictionary update sequence element #" + std::to_string(index) + " has length " +
                      std::to_string(both.size()) + "; 2 is required");
        dict.set(std::move(both[0]), std::move(both[1]));
      }
    }
  }
  for (auto& [key, value] : arguments.keyword) dict.set(runtime.string(key), std::move(value));
  return made;
}

namespace {

void refuse_private(std::string_view name) {
  if (name.starts_with('_'))
    fail("SecurityError",
         "Chat templates cannot store underscore-prefixed attributes on a namespace, but got " +
             repr_of_name(name) + ". Please rename the attribute.");
}

}  // namespace

Value make_namespace(Runtime& runtime, Arguments& arguments) {
  Value attributes = make_dict(runtime, arguments);
  for (const auto& [key, value] : attributes.as<Dict>().entries)
    if (key.is(Kind::string)) refuse_private(view_of(key));
  return runtime.heap.make<Namespace>(Kind::instance, std::move(attributes));
}

std::string Namespace::repr(Runtime& runtime) const {
  return "<Namespace " + repr_bytes(runtime, attributes) + ">";
}

Value Namespace::attribute_or_missing(Runtime&, std::string_view name) {
  const Value* found = attributes.as<Dict>().find_or_null(name);
  return found ? *found : Value{};
}

Namespace* find_namespace_or_null(const Value& value) {
  return value.is(Kind::instance) ? dynamic_cast<Namespace*>(value.object()) : nullptr;
}

void set_namespace_attribute(Runtime& runtime, Namespace& target, std::string_view name, Value value) {
  refuse_private(name);
  target.attributes.as<Dict>().set(runtime.string(name), std::move(value));
}

Value global_or_missing(Runtime& runtime, std::string_view name) {
  if (name == "dict") return runtime.heap.make<DictFactory>(Kind::instance);
  const Builtin* found = find_builtin(kTable, name);
  return found ? function_value(runtime, *found) : Value{};
}

}  // namespace fabula::text::jinja
