#include "core/text/jinja/builtin.h"

#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

namespace {

struct Parameter {
  std::string_view name;
  bool optional = false;
};

struct Signature {
  std::array<Parameter, Bound::kMax> parameters;
  size_t count = 0, positional_only = 0, required = 0;
  bool any_positional = false, any_keyword = false;
};

Signature read_signature(std::string_view text) {
  Signature signature;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    std::string_view word = text.substr(0, space);
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
    if (word == "/") {
      signature.positional_only = signature.count;
    } else if (word == "*") {
      signature.any_positional = true;
    } else if (word == "**") {
      signature.any_keyword = true;
    } else {
      const bool optional = word.back() == '?';
      if (optional) word.remove_suffix(1);
      if (!optional) ++signature.required;
      signature.parameters[signature.count++] = {word, optional};
    }
  }
  return signature;
}

// Functions of CPython that are written in C count their arguments in other words.
[[noreturn]] void wrong_count_in_c(const Value& self, const Signature& signature, std::string_view name,
                                   size_t given) {
  const std::string full =
      (self.is(Kind::missing) ? "" : std::string(type_name(self)) + ".") + std::string(name);
  const std::string got = "(" + std::to_string(given) + " given)";
  if (signature.count == 0) type_error(full + "() takes no arguments " + got);
  if (signature.count == 1 && signature.required == 1)
    type_error(full + "() takes exactly one argument " + got);
  const bool few = given < signature.required;
  const size_t bound = few ? signature.required : signature.count;
  type_error(std::string(name) + " expected " +
             (signature.required == signature.count ? ""
              : few                                 ? "at least "
                                                    : "at most ") +
             std::to_string(bound) + (bound == 1 ? " argument" : " arguments") + ", got " +
             std::to_string(given));
}

[[noreturn]] void too_many(const Builtin& builtin, const Signature& signature, std::string_view name,
                           size_t given) {
  const size_t hidden = static_cast<size_t>(builtin.hidden);
  const size_t most = signature.count + hidden, least = signature.required + hidden;
  std::string takes =
      most == least ? std::to_string(most) : "from " + std::to_string(least) + " to " + std::to_string(most);
  type_error(std::string(name) + "() takes " + takes + " positional argument" + (most == 1 ? "" : "s") +
             " but " + std::to_string(given + hidden) + (given + hidden == 1 ? " was given" : " were given"));
}

[[noreturn]] void missing_arguments(const Signature& signature, const Bound& bound, std::string_view name) {
  std::vector<std::string> names;
  for (size_t i = 0; i < signature.count; ++i)
    if (!signature.parameters[i].optional && !bound.has(i))
      names.push_back("'" + std::string(signature.parameters[i].name) + "'");
  std::string listed = names[0];
  for (size_t i = 1; i < names.size(); ++i)
    listed += (i + 1 < names.size() ? ", " : names.size() > 2 ? ", and " : " and ") + names[i];
  type_error(std::string(name) + "() missing " + std::to_string(names.size()) +
             " required positional argument" + (names.size() == 1 ? ": " : "s: ") + listed);
}

struct Function final : Instance {
  Function(const Builtin& b, Value s) : builtin(b), self(std::move(s)) {}
  std::string_view type_name() const override {
    return self.is(Kind::missing) ? "function" : "builtin_function_or_method";
  }
  std::string repr(Runtime&) const override {
    if (self.is(Kind::missing)) return "<function " + std::string(builtin.name) + ">";
    return "<built-in method " + std::string(builtin.name) + " of " + std::string(jinja::type_name(self)) +
           " object>";
  }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, Arguments& arguments) override {
    return call_builtin(runtime, builtin, self, arguments);
  }
  void drop() noexcept override { self = {}; }
  const Builtin& builtin;
  Value self;
};

}  // namespace

Value call_builtin(Runtime& runtime, const Builtin& builtin, const Value& self, Arguments& arguments) {
  const Signature signature = read_signature(builtin.parameters);
  const std::string_view name = builtin.python_name.empty() ? builtin.name : builtin.python_name;
  Bound bound;
  bound.self = self;
  const size_t given = arguments.positional.size();
  const bool in_c = (signature.positional_only > 0 || (signature.count == 0 && !self.is(Kind::missing))) &&
                    !signature.any_positional;
  for (size_t i = 0; i < given; ++i) {
    if (i < signature.count)
      bound.values[i] = std::move(arguments.positional[i]);
    else if (signature.any_positional)
      bound.rest.positional.push_back(std::move(arguments.positional[i]));
    else if (in_c)
      wrong_count_in_c(self, signature, name, given);
    else
      too_many(builtin, signature, name, given);
  }
  for (auto& [key, value] : arguments.keyword) {
    size_t at = signature.positional_only;
    while (at < signature.count && signature.parameters[at].name != key) ++at;
    if (at < signature.count) {
      if (bound.has(at)) type_error(std::string(name) + "() got multiple values for argument '" + key + "'");
      bound.values[at] = std::move(value);
    } else if (signature.any_keyword) {
      bound.rest.keyword.emplace_back(key, std::move(value));
    } else {
      type_error(std::string(name) + "() got an unexpected keyword argument '" + key + "'");
    }
  }
  for (size_t i = 0; i < signature.count; ++i)
    if (!signature.parameters[i].optional && !bound.has(i)) {
      if (in_c) wrong_count_in_c(self, signature, name, given);
      missing_arguments(signature, bound, name);
    }
  return builtin.function(runtime, bound);
}

const Builtin* find_builtin(std::span<const Builtin> table, std::string_view name) {
  for (const Builtin& builtin : table)
    if (builtin.name == name) return &builtin;
  return nullptr;
}

Value function_value(Runtime& runtime, const Builtin& builtin, Value self) {
  return runtime.heap.make<Function>(Kind::instance, builtin, std::move(self));
}

namespace {

[[noreturn]] void unknown_name(Runtime& runtime, std::string_view what, const Value& name) {
  std::string message = "No " + std::string(what) + " named " + repr_bytes(runtime, name) + ".";
  if (name.is(Kind::undefined))
    message += " (" + undefined_message(name) + "; did you forget to quote the callable name?)";
  fail("TemplateRuntimeError", message);
}

}  // namespace

Value call_filter(Runtime& runtime, const Value& name, Arguments& arguments) {
  hash_of(name);  // Jinja looks the name up in a dict
  const Builtin* filter = name.is(Kind::string) ? find_filter(view_of(name)) : nullptr;
  if (!filter) unknown_name(runtime, "filter", name);
  return call_builtin(runtime, *filter, {}, arguments);
}

bool call_test(Runtime& runtime, const Value& name, Arguments& arguments) {
  hash_of(name);
  const Builtin* test = name.is(Kind::string) ? find_test(view_of(name)) : nullptr;
  if (!test) unknown_name(runtime, "test", name);
  return truth(call_builtin(runtime, *test, {}, arguments));
}

}  // namespace fabula::text::jinja
