// Objects of the language with attributes of their own: namespaces, and what makes them.
#pragma once

#include "core/text/jinja/builtin.h"

namespace fabula::text::jinja {

struct Namespace : Instance {
  explicit Namespace(Value dict) : attributes(std::move(dict)) {}
  std::string_view type_name() const override { return "Namespace"; }
  std::string type_for_messages() const override { return "jinja2.utils.Namespace object"; }
  std::string repr(Runtime& runtime) const override;
  Value attribute_or_missing(Runtime& runtime, std::string_view name) override;
  void drop() noexcept override { attributes = {}; }
  Value attributes;  // a dict of its own
};

Namespace* find_namespace_or_null(const Value& value);
void set_namespace_attribute(Runtime& runtime, Namespace& target, std::string_view name, Value value);

Value make_dict(Runtime& runtime, Arguments& arguments);  // dict(...)
Value make_namespace(Runtime& runtime, Arguments& arguments);

}  // namespace fabula::text::jinja
