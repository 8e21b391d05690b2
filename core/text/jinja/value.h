// Values of the template language, as Python has them, and the heap that owns them.
// Goals: bounded memory, no recursion when values die, cycles collected at the end of a render, no sharing
// between renders. Non-goals: threads (a heap belongs to one render).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/text/jinja/text.h"

namespace fabula::text::jinja {

class Heap;
class Runtime;
struct Arguments;

enum class Kind : uint8_t {
  missing,  // no value at all: a slot that was never set, an argument that was not given; templates never see
            // it
  none,
  boolean,
  integer,
  real,
  // From here on the value holds an object.
  undefined,
  big_integer,
  string,
  bytes,
  list,
  tuple,
  dict,
  view,  // keys(), values(), items() of a dict
  range,
  iterator,  // generators and what reversed() gives: read once
  instance,  // functions, methods, macros, namespaces, loops
};

class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
  virtual void drop() noexcept {}  // lets go of every value it holds
  Heap& heap() const { return *heap_; }

 private:
  friend class Heap;
  friend class Value;
  Heap* heap_ = nullptr;
  Object* previous_ = nullptr;
  Object* next_ = nullptr;
  size_t bytes_ = 0;
  uint32_t references_ = 0;
};

class Value {
 public:
  Value() = default;
  Value(const Value& other) : kind_(other.kind_), payload_(other.payload_) { retain(); }
  Value(Value&& other) noexcept : kind_(other.kind_), payload_(other.payload_) {
    other.kind_ = Kind::missing;
  }
  Value& operator=(Value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(payload_, other.payload_);
    return *this;
  }
  ~Value() { release(); }

  static Value none() { return Value(Kind::none, {}); }
  static Value of(bool b) { return Value(Kind::boolean, {.integer = b}); }
  static Value of(int64_t i) { return Value(Kind::integer, {.integer = i}); }
  static Value of(double d) { return Value(Kind::real, {.real = d}); }
  static Value of(Kind kind, Object* object) {
    Value value(kind, {.object = object});
    value.retain();
    return value;
  }

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_object() const { return kind_ >= Kind::undefined; }
  bool boolean() const { return payload_.integer != 0; }
  int64_t integer() const { return payload_.integer; }  // also of a boolean
  double real() const { return payload_.real; }
  Object* object() const { return payload_.object; }
  template <class T>
  T& as() const {  // the caller has looked at kind()
    return static_cast<T&>(*payload_.object);
  }

 private:
  union Payload {
    int64_t integer = 0;
    double real;
    Object* object;
  };
  Value(Kind kind, Payload payload) : kind_(kind), payload_(payload) {}
  void retain() const {
    if (is_object()) ++payload_.object->references_;
  }
  inline void release() noexcept;

  Kind kind_ = Kind::missing;
  Payload payload_;
};

// Owns every object of one render. Not thread-safe.
class Heap {
 public:
  Heap(size_t max_bytes, size_t max_text_bytes) : max_bytes_(max_bytes), max_text_bytes_(max_text_bytes) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  ~Heap();

  template <class T, class... A>
  Value make(Kind kind, A&&... arguments) {
    account(sizeof(T));
    T* object = new T(std::forward<A>(arguments)...);
    adopt(object, sizeof(T));
    return Value::of(kind, object);
  }
  void grow(Object& object, size_t bytes);  // counts what an object holds beside itself

  Value string(Text text, bool markup = false);
  Value string(std::string bytes, Origin origin = kFromTemplate) {
    return string(Text(std::move(bytes), origin));
  }
  Value list(std::vector<Value> items);
  Value tuple(std::vector<Value> items);
  Value dict();
  Value undefined(std::string hint);  // an undefined value that says `hint`

  size_t max_text_bytes() const { return max_text_bytes_; }
  void allow_input(size_t bytes) {
    max_bytes_ += bytes;
  }  // the render's own variables do not count against the limit
  void reclaim(Object* object) noexcept;

 private:
  void account(size_t bytes);
  void adopt(Object* object, size_t bytes);

  size_t max_bytes_, max_text_bytes_, used_bytes_ = 0;
  Object* first_ = nullptr;
  Object* dying_ = nullptr;
  bool draining_ = false, closing_ = false;
};

inline void Value::release() noexcept {
  if (is_object() && --payload_.object->references_ == 0) payload_.object->heap_->reclaim(payload_.object);
}

struct StringObject : Object {
  StringObject(Text t, bool m) : text(std::move(t)), markup(m) {}
  Text text;
  bool markup;           // Python's Markup: `safe`, `escape`
  size_t chars() const;  // code points, counted once
  bool ascii() const { return chars() == text.size(); }

 private:
  mutable size_t chars_ = SIZE_MAX;
};

struct BytesObject : Object {
  explicit BytesObject(std::string b) : bytes(std::move(b)) {}
  std::string bytes;
};

struct Sequence : Object {  // list and tuple
  explicit Sequence(std::vector<Value> v) : items(std::move(v)) {}
  void drop() noexcept override { items.clear(); }
  std::vector<Value> items;
};

// Keeps the order of insertion. Nothing is ever removed: the sandbox is immutable.
struct Dict : Object {
  using Entry = std::pair<Value, Value>;
  const Value* find_or_null(const Value& key) const;  // TypeError where the key cannot be hashed
  const Value* find_or_null(std::string_view key) const;
  void set(Value key, Value value);
  void drop() noexcept override { entries.clear(), index_.clear(); }
  std::vector<Entry> entries;

 private:
  size_t position(const Value& key, size_t hash) const;
  std::unordered_multimap<size_t, size_t> index_;  // hash to entry, built beyond a few entries
};

struct DictView : Object {
  enum class Of : uint8_t { keys, values, items };
  DictView(Value d, Of o) : dict(std::move(d)), of(o) {}
  void drop() noexcept override { dict = {}; }
  Value dict;
  Of of;
};

struct Range : Object {
  Range(int64_t a, int64_t b, int64_t s, int64_t n) : start(a), stop(b), step(s), length(n) {}
  int64_t start, stop, step, length;
};

struct Iterator : Object {
  explicit Iterator(std::string_view type) : type_name(type) {}
  virtual bool next(Runtime& runtime, Value& out) = 0;
  std::string_view type_name;
};

// Anything with attributes or behaviour of its own.
struct Instance : Object {
  virtual std::string_view type_name() const = 0;  // as type(x).__name__
  virtual std::string type_for_messages() const { return std::string(type_name()) + " object"; }
  virtual std::string repr(Runtime& runtime) const = 0;
  virtual Value attribute_or_missing(Runtime&, std::string_view) { return {}; }
  virtual bool callable() const { return false; }
  virtual Value call(Runtime& runtime, Arguments& arguments);
};

struct Undefined : Object {
  std::string hint;         // said as it is, where not empty
  std::string object_type;  // "dict object"; empty: a name
  Value name;               // of the variable, attribute or element
  bool unsafe = false;      // raises SecurityError instead of UndefinedError
  void drop() noexcept override { name = {}; }
};

std::string_view type_name(const Value& value);
inline const Text& text_of(const Value& string) {
  return string.as<StringObject>().text;
}
inline std::string_view view_of(const Value& string) {
  return text_of(string).view();
}
inline bool is_number(const Value& v) {
  return v.is(Kind::integer) || v.is(Kind::boolean) || v.is(Kind::real) || v.is(Kind::big_integer);
}
inline bool is_int_like(const Value& v) {
  return v.is(Kind::integer) || v.is(Kind::boolean);
}
inline bool is_sequence(const Value& v) {
  return v.is(Kind::list) || v.is(Kind::tuple);
}

}  // namespace fabula::text::jinja
