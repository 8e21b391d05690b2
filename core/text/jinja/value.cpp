#include "core/text/jinja/value.h"

#include "core/text/jinja/failure.h"
#include "core/text/jinja/operators.h"
#include "core/text/jinja/unicode.h"

namespace fabula::text::jinja {

namespace {
constexpr size_t kIndexFrom = 9;  // entries; below, looking at each is quicker than hashing
constexpr size_t kEntryBytes = sizeof(Dict::Entry) + 48;  // with its share of the index
}  // namespace

Heap::~Heap() {
  closing_ = true;  // objects die here without asking for each other
  for (Object* object = first_; object; object = object->next_) object->drop();
  while (first_) {
    Object* dead = std::exchange(first_, first_->next_);
    delete dead;
  }
}

void Heap::account(size_t bytes) {
  if (bytes > max_bytes_ || used_bytes_ > max_bytes_ - bytes)
    fail("MemoryError",
         "the template needs more than " + std::to_string(max_bytes_ >> 20) + " MiB of memory");
}

void Heap::adopt(Object* object, size_t bytes) {
  object->heap_ = this;
  object->bytes_ = bytes;
  object->next_ = first_;
  if (first_) first_->previous_ = object;
  first_ = object;
  used_bytes_ += bytes;
}

void Heap::grow(Object& object, size_t bytes) {
  account(bytes);
  object.bytes_ += bytes;
  used_bytes_ += bytes;
}

void Heap::reclaim(Object* object) noexcept {
  if (closing_) return;
  if (object->previous_) object->previous_->next_ = object->next_;
  if (object->next_) object->next_->previous_ = object->previous_;
  if (first_ == object) first_ = object->next_;
  object->next_ = std::exchange(dying_, object);
  if (draining_) return;  // a death inside a death waits in line: no recursion however deep the values nest
  draining_ = true;
  while (dying_) {
    Object* dead = std::exchange(dying_, dying_->next_);
    dead->drop();
    used_bytes_ -= dead->bytes_;
    delete dead;
  }
  draining_ = false;
}

Value Heap::string(Text text, bool markup) {
  if (text.size() > max_text_bytes_)
    fail("MemoryError",
         "a string of the template is longer than " + std::to_string(max_text_bytes_) + " bytes");
  const size_t bytes = text.capacity_bytes();
  Value value = make<StringObject>(Kind::string, std::move(text), markup);
  if (bytes > sizeof(std::string)) grow(*value.object(), bytes);
  return value;
}

Value Heap::list(std::vector<Value> items) {
  const size_t bytes = items.capacity() * sizeof(Value);
  Value value = make<Sequence>(Kind::list, std::move(items));
  grow(*value.object(), bytes);
  return value;
}

Value Heap::tuple(std::vector<Value> items) {
  const size_t bytes = items.capacity() * sizeof(Value);
  Value value = make<Sequence>(Kind::tuple, std::move(items));
  grow(*value.object(), bytes);
  return value;
}

Value Heap::dict() {
  return make<Dict>(Kind::dict);
}

Value Heap::undefined(std::string hint) {
  Value value = make<Undefined>(Kind::undefined);
  value.as<Undefined>().hint = std::move(hint);
  return value;
}

size_t StringObject::chars() const {
  if (chars_ == SIZE_MAX) chars_ = count_chars(text.view());
  return chars_;
}

size_t Dict::position(const Value& key, size_t hash) const {
  if (index_.empty()) {
    for (size_t i = 0; i < entries.size(); ++i)
      if (equal(entries[i].first, key)) return i;
    return entries.size();
  }
  const auto [begin, end] = index_.equal_range(hash);
  for (auto at = begin; at != end; ++at)
    if (equal(entries[at->second].first, key)) return at->second;
  return entries.size();
}

const Value* Dict::find_or_null(const Value& key) const {
  const size_t at = position(key, hash_of(key));
  return at < entries.size() ? &entries[at].second : nullptr;
}

const Value* Dict::find_or_null(std::string_view key) const {
  const auto matches = [&](size_t i) {
    return entries[i].first.is(Kind::string) && view_of(entries[i].first) == key;
  };
  if (index_.empty()) {
    for (size_t i = 0; i < entries.size(); ++i)
      if (matches(i)) return &entries[i].second;
    return nullptr;
  }
  const auto [begin, end] = index_.equal_range(std::hash<std::string_view>{}(key));
  for (auto at = begin; at != end; ++at)
    if (matches(at->second)) return &entries[at->second].second;
  return nullptr;
}

void Dict::set(Value key, Value value) {
  const size_t hash = hash_of(key);
  const size_t at = position(key, hash);
  if (at < entries.size()) {
    entries[at].second = std::move(value);
    return;
  }
  heap().grow(*this, kEntryBytes);
  entries.emplace_back(std::move(key), std::move(value));
  if (!index_.empty())
    index_.emplace(hash, at);
  else if (entries.size() >= kIndexFrom)
    for (size_t i = 0; i < entries.size(); ++i) index_.emplace(hash_of(entries[i].first), i);
}

Value Instance::call(Runtime&, Arguments&) {
  type_error("'" + std::string(type_name()) + "' object is not callable");
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Kind::missing:
    case Kind::none: return "NoneType";
    case Kind::boolean: return "bool";
    case Kind::integer:
    case Kind::big_integer: return "int";
    case Kind::real: return "float";
    case Kind::undefined: return "Undefined";
    case Kind::string: return value.as<StringObject>().markup ? "Markup" : "str";
    case Kind::bytes: return "bytes";
    case Kind::list: return "list";
    case Kind::tuple: return "tuple";
    case Kind::dict: return "dict";
    case Kind::view:
      switch (value.as<DictView>().of) {
        case DictView::Of::keys: return "dict_keys";
        case DictView::Of::values: return "dict_values";
        case DictView::Of::items: return "dict_items";
      }
      return "dict_items";
    case Kind::range: return "range";
    case Kind::iterator: return value.as<Iterator>().type_name;
    case Kind::instance: return value.as<Instance>().type_name();
  }
  return "object";
}

}  // namespace fabula::text::jinja
