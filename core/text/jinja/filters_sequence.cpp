#include <algorithm>

#include "core/text/jinja/attribute_path.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/generator.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/textops.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

bool flag(const Bound& a, size_t i) {
  return a.has(i) && truth(a[i]);
}

Value length(Runtime&, Bound& a) {
  return Value::of(length_of(a[0]));
}

Value first(Runtime& runtime, Bound& a) {
  const Value iterator = iterate(runtime, a[0]);
  Value item;
  return next(runtime, iterator, item) ? item : runtime.heap.undefined("No first item, sequence was empty.");
}

Value last(Runtime& runtime, Bound& a) {
  if (a[0].is(Kind::undefined)) return runtime.heap.undefined("No last item, sequence was empty.");
  if (is_sequence(a[0]) || a[0].is(Kind::string)) {  // without making every item
    const int64_t n = length_of(a[0]);
    if (n > 0) return get_item(runtime, a[0], Value::of(int64_t{-1}));
  }
  const Value iterator = reversed(runtime, a[0]);
  Value item;
  return next(runtime, iterator, item) ? item : runtime.heap.undefined("No last item, sequence was empty.");
}

Value join_filter(Runtime& runtime, Bound& a) {
  const Value separator = a.has(1) ? to_str(runtime, a[1]) : runtime.string("");
  if (!a.has_value(2)) return join(runtime, text_of(separator), a[0], true);
  const AttributePath path(runtime, a[2]);
  const Value source = iterate(runtime, a[0]);
  const Value items = make_generator(runtime.heap, [path, source](Runtime& rt, Value& out) {
    if (!next(rt, source, out)) return false;
    out = path.get(rt, out);
    return true;
  });
  return join(runtime, text_of(separator), items, true);
}

Value list(Runtime& runtime, Bound& a) {
  return runtime.heap.list(collect(runtime, a[0]));
}

Value reverse(Runtime& runtime, Bound& a) {
  if (a[0].is(Kind::string)) return get_slice(runtime, a[0], {}, {}, Value::of(int64_t{-1}));
  if (can_reverse(a[0])) return reversed(runtime, a[0]);
  if (!is_iterable(a[0])) fail("FilterArgumentError", "argument must be iterable");
  std::vector<Value> items = collect(runtime, a[0]);
  std::reverse(items.begin(), items.end());
  return runtime.heap.list(std::move(items));
}

struct Keyed {
  Value key, item;
};

// `equal_first`: keys that are equal are not asked for their order, as when Python compares lists of one key.
void sort_by_key(Runtime& runtime, std::vector<Keyed>& items, bool backwards, bool equal_first = false) {
  std::stable_sort(items.begin(), items.end(), [&](const Keyed& a, const Keyed& b) {
    runtime.step();
    const Value &left = backwards ? b.key : a.key, &right = backwards ? a.key : b.key;
    return !(equal_first && equal(left, right)) && ordered(runtime, left, Order::less, right);
  });
}

std::vector<Value> items_of(std::vector<Keyed> keyed) {
  std::vector<Value> items;
  items.reserve(keyed.size());
  for (Keyed& k : keyed) items.push_back(std::move(k.item));
  return items;
}

// "a,b" sorts by several attributes: the key is a list of their values.
std::vector<AttributePath> attribute_paths(Runtime& runtime, const Value& attribute, bool fold) {
  std::vector<AttributePath> paths;
  if (!attribute.is(Kind::string)) {
    paths.emplace_back(runtime, attribute, Value{}, fold);
    return paths;
  }
  const std::string_view names = view_of(attribute);
  for (const Piece& piece : split(names, ",", -1))
    paths.emplace_back(runtime, runtime.string(names.substr(piece.begin, piece.end - piece.begin)), Value{},
                       fold);
  return paths;
}

Value sort(Runtime& runtime, Bound& a) {
  const auto paths = attribute_paths(runtime, a[3], !flag(a, 2));
  std::vector<Keyed> keyed;
  for (Value& item : collect(runtime, a[0])) {
    std::vector<Value> key;
    for (const AttributePath& path : paths) key.push_back(path.get(runtime, item));
    keyed.push_back(
        {key.size() == 1 ? std::move(key[0]) : runtime.heap.list(std::move(key)), std::move(item)});
  }
  sort_by_key(runtime, keyed, flag(a, 1), true);
  return runtime.heap.list(items_of(std::move(keyed)));
}

Value dictsort(Runtime& runtime, Bound& a) {
  const std::string by = a.has(2) ? str_bytes(runtime, a[2]) : "key";
  if (by != "key" && by != "value")
    fail("FilterArgumentError", "You can only sort by either \"key\" or \"value\"");
  if (a[0].is(Kind::undefined)) raise_undefined(a[0]);
  if (!a[0].is(Kind::dict))
    fail("AttributeError", "'" + std::string(type_name(a[0])) + "' object has no attribute 'items'");
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : a[0].as<Dict>().entries) {
    const Value& chosen = by == "key" ? key : value;
    keyed.push_back({flag(a, 1) ? chosen : ignore_case(runtime, chosen), runtime.heap.tuple({key, value})});
  }
  sort_by_key(runtime, keyed, flag(a, 3));
  return runtime.heap.list(items_of(std::move(keyed)));
}

Value unique(Runtime& runtime, Bound& a) {
  const AttributePath path(runtime, a[2], {}, !flag(a, 1));
  const Value seen = runtime.heap.dict(), source = a[0];
  return make_generator(runtime.heap,
                        [path, seen, source, iterator = Value{}](Runtime& rt, Value& out) mutable {
                          if (iterator.is(Kind::missing)) iterator = iterate(rt, source);
                          while (next(rt, iterator, out)) {
                            Value key = path.get(rt, out);
                            if (seen.as<Dict>().find_or_null(key)) continue;
                            seen.as<Dict>().set(std::move(key), Value::none());
                            return true;
                          }
                          return false;
                        });
}

template <Order better>
Value extreme(Runtime& runtime, Bound& a) {
  const Value iterator = iterate(runtime, a[0]);
  const AttributePath path(runtime, a[2], {}, !flag(a, 1));
  Value best;
  if (!next(runtime, iterator, best))
    return runtime.heap.undefined("No aggregated item, sequence was empty.");
  Value best_key = path.get(runtime, best);
  for (Value item; next(runtime, iterator, item);) {
    Value key = path.get(runtime, item);
    if (!ordered(runtime, key, better, best_key)) continue;
    best = std::move(item);
    best_key = std::move(key);
  }
  return best;
}

Value sum(Runtime& runtime, Bound& a) {
  const AttributePath path(runtime, a[1]);
  Value total = a.has(2) ? a[2] : Value::of(int64_t{0});
  if (total.is(Kind::string)) type_error("sum() can't sum strings [use ''.join(seq) instead]");
  const Value iterator = iterate(runtime, a[0]);
  for (Value item; next(runtime, iterator, item);)
    total = binary(runtime, Binary::add, total, path.get(runtime, item));
  return total;
}

Value items(Runtime& runtime, Bound& a) {
  const Value source = a[0];
  return make_generator(runtime.heap, [source, at = size_t{0}](Runtime& rt, Value& out) mutable {
    if (source.is(Kind::undefined)) return false;
    if (!source.is(Kind::dict)) type_error("Can only get item pairs from a mapping.");
    const auto& entries = source.as<Dict>().entries;
    if (at >= entries.size()) return false;
    out = rt.heap.tuple({entries[at].first, entries[at].second});
    ++at;
    return true;
  });
}

int64_t count_argument(const Value& value) {
  return index_of(value,
                  "'" + std::string(type_name(value)) + "' object cannot be interpreted as an integer");
}

Value batch(Runtime& runtime, Bound& a) {
  const int64_t size = a[1].is(Kind::real) ? static_cast<int64_t>(a[1].real()) : count_argument(a[1]);
  const Value source = a[0], fill = a[2];
  return make_generator(
      runtime.heap, [=, iterator = Value{}, carried = Value{}](Runtime& rt, Value& out) mutable {
        if (iterator.is(Kind::missing)) iterator = iterate(rt, source);
        std::vector<Value> row;
        if (!carried.is(Kind::missing)) row.push_back(std::exchange(carried, {}));
        for (Value item; next(rt, iterator, item); row.push_back(std::move(item))) {
          if (static_cast<int64_t>(row.size()) != size) continue;
          carried = std::move(item);  // begins the next row
          out = rt.heap.list(std::move(row));
          return true;
        }
        if (row.empty()) return false;
        const int64_t missing = size - static_cast<int64_t>(row.size());
        if (!fill.is(Kind::missing) && !fill.is(Kind::none) && missing > 0) {
          if (missing > rt.limits.max_range)
            fail("MemoryError",
                 "batch would fill in more than " + std::to_string(rt.limits.max_range) + " elements");
          row.insert(row.end(), static_cast<size_t>(missing), fill);
        }
        out = rt.heap.list(std::move(row));
        return true;
      });
}

Value slice(Runtime& runtime, Bound& a) {
  const Value source = a[0], fill = a[2], count = a[1];
  return make_generator(runtime.heap, [=, all = Value{}, number = int64_t{0}, offset = int64_t{0}](
                                          Runtime& rt, Value& out) mutable {
    const int64_t slices = count_argument(count);
    if (all.is(Kind::missing)) {
      all = rt.heap.list(collect(rt, source));
      if (slices == 0) fail("ZeroDivisionError", "integer division or modulo by zero");
    }
    if (number >= slices) return false;
    const auto& values = all.as<Sequence>().items;
    const int64_t n = static_cast<int64_t>(values.size()), each = n / slices, extra = n % slices;
    const int64_t begin = offset + number * each;
    if (number < extra) ++offset;
    const int64_t end = offset + (number + 1) * each;
    std::vector<Value> part(values.begin() + begin, values.begin() + end);
    if (!fill.is(Kind::missing) && !fill.is(Kind::none) && number >= extra) part.push_back(fill);
    ++number;
    out = rt.heap.list(std::move(part));
    return true;
  });
}

// What groupby gives: a tuple whose two items have names.
struct Group final : Sequence {
  using Sequence::Sequence;
};

Value groupby(Runtime& runtime, Bound& a) {
  const bool fold = !flag(a, 3);
  const AttributePath key_path(runtime, a[1], a[2], fold), value_path(runtime, a[1], a[2]);
  std::vector<Keyed> keyed;
  for (Value& item : collect(runtime, a[0])) {
    Value key = key_path.get(runtime, item);
    keyed.push_back({std::move(key), std::move(item)});
  }
  sort_by_key(runtime, keyed, false);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size();) {
    size_t end = begin;
    std::vector<Value> members;
    while (end < keyed.size() && equal(keyed[end].key, keyed[begin].key))
      members.push_back(keyed[end++].item);
    const Value grouper = fold ? value_path.get(runtime, members[0]) : keyed[begin].key;
    groups.push_back(runtime.heap.make<Group>(
        Kind::tuple, std::vector<Value>{grouper, runtime.heap.list(std::move(members))}));
    begin = end;
  }
  return runtime.heap.list(std::move(groups));
}

Value attr(Runtime& runtime, Bound& a) {
  if (!a[1].is(Kind::string))
    type_error("attribute name must be string, not '" + std::string(type_name(a[1])) + "'");
  bool unsafe = false;
  const Value found = own_attribute_or_missing(runtime, a[0], view_of(a[1]), unsafe);
  if (unsafe || !found.is(Kind::missing)) return get_attribute(runtime, a[0], view_of(a[1]));
  Value undefined = runtime.heap.make<Undefined>(Kind::undefined);
  undefined.as<Undefined>().object_type = object_type_repr(a[0]);
  undefined.as<Undefined>().name = a[1];
  return undefined;
}

// Templates are deterministic: the same conversation gives the same text. Only a choice of one is no choice.
Value random(Runtime& runtime, Bound& a) {
  const int64_t n = length_of(a[0]);
  if (n == 0) return runtime.heap.undefined("No random item, sequence was empty.");
  if (n == 1) return get_item(runtime, a[0], Value::of(int64_t{0}));
  fail("SecurityError", "the filter 'random' is not offered: a template must give the same text each time");
}

Value pprint(Runtime& runtime, Bound& a) {
  return runtime.heap.string(repr_bytes(runtime, a[0]));
}

constexpr Builtin kTable[] = {
    {"length", "obj /", length, "len"},
    {"count", "obj /", length, "len"},
    {"first", "seq", first, "sync_do_first", 1},
    {"last", "seq", last, "do_last", 1},
    {"join", "value d? attribute?", join_filter, "sync_do_join", 1},
    {"list", "value", list, "sync_do_list"},
    {"reverse", "value", reverse, "do_reverse"},
    {"sort", "value reverse? case_sensitive? attribute?", sort, "do_sort", 1},
    {"dictsort", "value case_sensitive? by? reverse?", dictsort, "do_dictsort"},
    {"unique", "value case_sensitive? attribute?", unique, "sync_do_unique", 1},
    {"min", "value case_sensitive? attribute?", extreme<Order::less>, "do_min", 1},
    {"max", "value case_sensitive? attribute?", extreme<Order::greater>, "do_max", 1},
    {"sum", "iterable attribute? start?", sum, "sync_do_sum", 1},
    {"items", "value", items, "do_items"},
    {"batch", "value linecount fill_with?", batch, "do_batch"},
    {"slice", "value slices fill_with?", slice, "sync_do_slice"},
    {"groupby", "value attribute default? case_sensitive?", groupby, "sync_do_groupby", 1},
    {"attr", "obj name", attr, "do_attr", 1},
    {"random", "seq", random, "do_random", 1},
    {"pprint", "value", pprint, "do_pprint"},
};

}  // namespace

bool is_group(const Value& value) {
  return value.is(Kind::tuple) && dynamic_cast<const Group*>(value.object()) != nullptr;
}

std::span<const Builtin> sequence_filters() {
  return kTable;
}

}  // namespace fabula::text::jinja
