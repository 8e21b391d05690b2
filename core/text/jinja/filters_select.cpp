// map, select, reject and their attribute forms: lazy, as in jinja2.
#include <memory>

#include "core/text/jinja/attribute_path.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/generator.h"
#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

namespace {

// Calls a filter or test by name with an item in front of the other arguments.
struct NamedFunction {
  Value name;
  Arguments more;
  Arguments with(const Value& item) const {
    Arguments arguments;
    arguments.positional.reserve(more.positional.size() + 1);
    arguments.positional.push_back(item);
    arguments.positional.insert(arguments.positional.end(), more.positional.begin(), more.positional.end());
    arguments.keyword = more.keyword;
    return arguments;
  }
};

NamedFunction take_function(Arguments& arguments, size_t at) {
  NamedFunction function;
  function.name = arguments.positional[at];
  function.more.positional.assign(arguments.positional.begin() + static_cast<ptrdiff_t>(at) + 1,
                                  arguments.positional.end());
  function.more.keyword = arguments.keyword;
  return function;
}

struct Mapping {
  Value source, iterator;
  Arguments arguments;
  bool prepared = false;
  std::optional<AttributePath> path;
  NamedFunction function;

  void prepare(Runtime& runtime) {
    prepared = true;
    if (!truth(source)) return;
    auto& named = arguments.keyword;
    Value attribute, fallback;
    if (arguments.positional.empty()) {
      for (auto& [key, value] : named)
        if (key == "attribute") attribute = value;
      if (attribute.is(Kind::missing)) fail("FilterArgumentError", "map requires a filter argument");
      for (auto& [key, value] : named) {
        if (key == "default") fallback = value;
        if (key != "default" && key != "attribute")
          fail("FilterArgumentError", "Unexpected keyword argument " + repr_of_name(key));
      }
      path.emplace(runtime, attribute, fallback);
    } else {
      function = take_function(arguments, 0);
    }
    iterator = iterate(runtime, source);
  }
};

Value map(Runtime& runtime, Bound& a) {
  auto state = std::make_shared<Mapping>();
  state->source = a[0];
  state->arguments = std::move(a.rest);
  return make_generator(runtime.heap, [state](Runtime& rt, Value& out) {
    if (!state->prepared) state->prepare(rt);
    if (state->iterator.is(Kind::missing) || !next(rt, state->iterator, out)) return false;
    if (state->path) {
      out = state->path->get(rt, out);
    } else {
      Arguments arguments = state->function.with(out);
      out = call_filter(rt, state->function.name, arguments);
    }
    return true;
  });
}

struct Selection {
  Value source, iterator;
  Arguments arguments;
  bool wanted = true, by_attribute = false, prepared = false, has_test = false;
  std::optional<AttributePath> path;
  NamedFunction function;

  void prepare(Runtime& runtime) {
    prepared = true;
    if (!truth(source)) return;
    size_t at = 0;
    if (by_attribute) {
      if (arguments.positional.empty()) fail("FilterArgumentError", "Missing parameter for attribute name");
      path.emplace(runtime, arguments.positional[0]);
      at = 1;
    }
    has_test = arguments.positional.size() > at;
    if (has_test) function = take_function(arguments, at);
    iterator = iterate(runtime, source);
  }

  bool takes(Runtime& runtime, const Value& item) {
    const Value subject = path ? path->get(runtime, item) : item;
    if (!has_test) return truth(subject) == wanted;
    Arguments all = function.with(subject);
    return call_test(runtime, function.name, all) == wanted;
  }
};

template <bool wanted, bool by_attribute>
Value select(Runtime& runtime, Bound& a) {
  auto state = std::make_shared<Selection>();
  state->source = a[0];
  state->arguments = std::move(a.rest);
  state->wanted = wanted;
  state->by_attribute = by_attribute;
  return make_generator(runtime.heap, [state](Runtime& rt, Value& out) {
    if (!state->prepared) state->prepare(rt);
    if (state->iterator.is(Kind::missing)) return false;
    while (next(rt, state->iterator, out))
      if (state->takes(rt, out)) return true;
    return false;
  });
}

constexpr Builtin kTable[] = {
    {"map", "value / * **", map, "sync_do_map", 1},
    {"select", "value / * **", select<true, false>, "sync_do_select", 1},
    {"reject", "value / * **", select<false, false>, "sync_do_reject", 1},
    {"selectattr", "value / * **", select<true, true>, "sync_do_selectattr", 1},
    {"rejectattr", "value / * **", select<false, true>, "sync_do_rejectattr", 1},
};

}  // namespace

std::span<const Builtin> select_filters() {
  return kTable;
}

}  // namespace fabula::text::jinja
