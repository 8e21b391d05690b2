// iter(), list() and reversed().
#include "core/text/jinja/operators.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {

struct SequenceIterator final : Iterator {
  SequenceIterator(Value s, std::string_view type, bool back)
      : Iterator(type), sequence(std::move(s)), backward(back), left(sequence.as<Sequence>().items.size()) {}
  bool next(Runtime&, Value& out) override {
    if (left == 0) return false;
    const auto& items = sequence.as<Sequence>().items;
    out = items[backward ? left - 1 : items.size() - left];
    --left;
    return true;
  }
  void drop() noexcept override { sequence = {}, left = 0; }
  Value sequence;
  bool backward;
  size_t left;
};

struct StringIterator final : Iterator {
  explicit StringIterator(Value s) : Iterator("str_ascii_iterator"), string(std::move(s)) {}
  bool next(Runtime& runtime, Value& out) override {
    const StringObject& object = string.as<StringObject>();
    if (at >= object.text.size()) return false;
    const size_t end = skip_chars(object.text.view(), at, 1);
    out = runtime.heap.string(object.text.slice(at, end));
    at = end;
    return true;
  }
  void drop() noexcept override { string = {}; }
  Value string;
  size_t at = 0;
};

struct IndexIterator final : Iterator {  // range, bytes
  IndexIterator(Value s, std::string_view type, bool back)
      : Iterator(type), sequence(std::move(s)), backward(back) {}
  bool next(Runtime& runtime, Value& out) override {
    const int64_t length = length_of(sequence);
    if (at >= length) return false;
    out = get_item(runtime, sequence, Value::of(backward ? length - 1 - at : at));
    ++at;
    return true;
  }
  void drop() noexcept override { sequence = {}; }
  Value sequence;
  bool backward;
  int64_t at = 0;
};

struct DictIterator final : Iterator {
  DictIterator(Value d, DictView::Of o, std::string_view type, bool back)
      : Iterator(type), dict(std::move(d)), of(o), backward(back) {}
  bool next(Runtime& runtime, Value& out) override {
    const auto& entries = dict.as<Dict>().entries;
    if (at >= entries.size()) return false;
    const auto& [key, value] = entries[backward ? entries.size() - 1 - at : at];
    out = of == DictView::Of::keys     ? key
          : of == DictView::Of::values ? value
                                       : runtime.heap.tuple({key, value});
    ++at;
    return true;
  }
  void drop() noexcept override { dict = {}; }
  Value dict;
  DictView::Of of;
  bool backward;
  size_t at = 0;
};

struct NoIterator final : Iterator {
  NoIterator() : Iterator("generator") {}
  bool next(Runtime&, Value&) override { return false; }
};

}  // namespace

bool is_iterable(const Value& value) {
  return value.is(Kind::iterator) || length_or_negative(value) >= 0;
}

Value iterate(Runtime& runtime, const Value& value) {
  Heap& heap = runtime.heap;
  switch (value.kind()) {
    case Kind::iterator: return value;
    case Kind::list: return heap.make<SequenceIterator>(Kind::iterator, value, "list_iterator", false);
    case Kind::tuple: return heap.make<SequenceIterator>(Kind::iterator, value, "tuple_iterator", false);
    case Kind::string: return heap.make<StringIterator>(Kind::iterator, value);
    case Kind::range: return heap.make<IndexIterator>(Kind::iterator, value, "range_iterator", false);
    case Kind::bytes: return heap.make<IndexIterator>(Kind::iterator, value, "bytes_iterator", false);
    case Kind::dict:
      return heap.make<DictIterator>(Kind::iterator, value, DictView::Of::keys, "dict_keyiterator", false);
    case Kind::view: {
      const DictView& view = value.as<DictView>();
      constexpr std::string_view types[] = {"dict_keyiterator", "dict_valueiterator", "dict_itemiterator"};
      return heap.make<DictIterator>(Kind::iterator, view.dict, view.of, types[static_cast<size_t>(view.of)],
                                     false);
    }
    case Kind::undefined: return heap.make<NoIterator>(Kind::iterator);
    default: type_error("'" + std::string(type_name(value)) + "' object is not iterable");
  }
}

std::vector<Value> collect(Runtime& runtime, const Value& iterable) {
  if (is_sequence(iterable)) {
    const auto& items = iterable.as<Sequence>().items;
    runtime.step(static_cast<int64_t>(items.size()) / 8);
    return items;
  }
  const size_t most = static_cast<size_t>(runtime.limits.max_range) * 5;
  std::vector<Value> items;
  const Value iterator = iterate(runtime, iterable);
  for (Value value; next(runtime, iterator, value);) {
    if (items.size() >= most)
      fail("MemoryError", "a list of the template has more than " + std::to_string(most) + " elements");
    items.push_back(std::move(value));
  }
  return items;
}

bool can_reverse(const Value& value) {
  switch (value.kind()) {
    case Kind::list:
    case Kind::tuple:
    case Kind::string:
    case Kind::bytes:
    case Kind::range:
    case Kind::dict:
    case Kind::view: return true;
    default: return false;
  }
}

Value reversed(Runtime& runtime, const Value& value) {
  Heap& heap = runtime.heap;
  switch (value.kind()) {
    case Kind::list: return heap.make<SequenceIterator>(Kind::iterator, value, "list_reverseiterator", true);
    case Kind::tuple: return heap.make<SequenceIterator>(Kind::iterator, value, "reversed", true);
    case Kind::range: return heap.make<IndexIterator>(Kind::iterator, value, "range_iterator", true);
    case Kind::bytes: return heap.make<IndexIterator>(Kind::iterator, value, "reversed", true);
    case Kind::string:
      return heap.make<SequenceIterator>(Kind::iterator, heap.list(collect(runtime, value)), "reversed",
                                         true);
    case Kind::dict:
      return heap.make<DictIterator>(Kind::iterator, value, DictView::Of::keys, "dict_reversekeyiterator",
                                     true);
    case Kind::view: {
      const DictView& view = value.as<DictView>();
      return heap.make<DictIterator>(Kind::iterator, view.dict, view.of, "dict_reverseitemiterator", true);
    }
    default: type_error("'" + std::string(type_name(value)) + "' object is not reversible");
  }
}

}  // namespace fabula::text::jinja
