// Macros and call blocks (jinja2's Macro).
#include <algorithm>

#include "core/text/jinja/failure.h"
#include "core/text/jinja/interpreter.h"
#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

namespace {

struct Macro final : Instance {
  Macro(Interpreter& i, const Signature& s, const Body& b, std::string_view n, Value c)
      : interpreter(i), signature(s), body(b), name(n), closure(std::move(c)) {}
  std::string_view type_name() const override { return "Macro"; }
  std::string type_for_messages() const override { return "jinja2.runtime.Macro object"; }
  std::string repr(Runtime&) const override {
    return name.empty() ? "<Macro anonymous>" : "<Macro " + repr_of_name(name) + ">";
  }
  bool callable() const override { return true; }
  Value call(Runtime&, Arguments& arguments) override {
    return interpreter.call_macro(signature, body, name, closure, arguments);
  }
  Value attribute_or_missing(Runtime& runtime, std::string_view attribute) override {
    if (attribute == "name") return name.empty() ? Value::none() : runtime.string(name);
    if (attribute == "caller") return Value::of(signature.caller >= 0);
    if (attribute == "catch_kwargs") return Value::of(signature.kwargs >= 0);
    if (attribute == "catch_varargs") return Value::of(signature.varargs >= 0);
    if (attribute != "arguments") return {};
    std::vector<Value> names;
    for (const auto& parameter : signature.parameters) names.push_back(runtime.string(parameter->name));
    return runtime.heap.tuple(std::move(names));
  }
  void drop() noexcept override { closure = {}; }
  Interpreter& interpreter;
  const Signature& signature;
  const Body& body;
  std::string_view name;
  Value closure;
};

std::string quoted_name(std::string_view name) {
  return name.empty() ? "None" : repr_of_name(name);
}

}  // namespace

void Interpreter::define_macro(const MacroStatement& node) {
  Value macro =
      runtime_.heap.make<Macro>(Kind::instance, *this, node.signature, node.body, node.name, activation_);
  if (node.top_level) exported_[node.name] = macro;
  slot(node.ref) = std::move(macro);
}

void Interpreter::call_block(const CallBlock& node) {
  if (!node.call) {  // {% generation %}
    Arguments none;
    return append_str(*out_, call_macro(node.signature, node.body, {}, activation_, none));
  }
  const Value caller = runtime_.heap.make<Macro>(Kind::instance, *this, node.signature, node.body,
                                                 std::string_view{}, activation_);
  write_text(call(*node.call, &caller));
}

Value Interpreter::call_macro(const Signature& signature, const Body& body, std::string_view name,
                              const Value& closure, Arguments& arguments) {
  const Runtime::Level level(runtime_);
  const Enter enter(*this, new_activation(signature.function, closure));
  const size_t n = signature.parameters.size();
  auto& keyword = arguments.keyword;
  const auto take = [&](std::string_view key) {
    const auto found =
        std::find_if(keyword.begin(), keyword.end(), [&](const auto& k) { return k.first == key; });
    if (found == keyword.end()) return Value{};
    Value value = std::move(found->second);
    keyword.erase(found);
    return value;
  };

  const size_t given = std::min(n, arguments.positional.size());
  for (size_t i = 0; i < n; ++i)
    slot(signature.parameters[i]->ref) =
        i < given ? std::move(arguments.positional[i]) : take(signature.parameters[i]->name);
  auto& slots = activation_.as<Activation>().slots;
  if (signature.caller >= 0) {
    Value caller = take("caller");
    if (caller.is(Kind::missing) || caller.is(Kind::none)) {
      caller = runtime_.heap.undefined("No caller defined");
      caller.as<Undefined>().name = runtime_.string("caller");
    }
    slots[static_cast<size_t>(signature.caller)] = std::move(caller);
  }
  if (signature.kwargs >= 0) {
    Value rest = runtime_.heap.dict();
    for (auto& [key, value] : keyword) rest.as<Dict>().set(runtime_.string(key), std::move(value));
    slots[static_cast<size_t>(signature.kwargs)] = std::move(rest);
  } else if (!keyword.empty()) {
    for (const auto& [key, value] : keyword)
      if (key == "caller")
        type_error(
            "macro " + quoted_name(name) +
            " was invoked with two values for the special caller argument. This is most likely a bug.");
    type_error("macro " + quoted_name(name) + " takes no keyword argument " + repr_of_name(keyword[0].first));
  }
  if (signature.varargs >= 0) {
    std::vector<Value> rest;
    for (size_t i = n; i < arguments.positional.size(); ++i)
      rest.push_back(std::move(arguments.positional[i]));
    slots[static_cast<size_t>(signature.varargs)] = runtime_.heap.tuple(std::move(rest));
  } else if (arguments.positional.size() > n) {
    type_error("macro " + quoted_name(name) + " takes not more than " + std::to_string(n) + " argument(s)");
  }

  enter_frame(signature.function);
  const size_t first_default = n - signature.defaults.size();
  for (size_t i = 0; i < n; ++i) {
    Value& value = slot(signature.parameters[i]->ref);
    if (!value.is(Kind::missing)) continue;
    if (i >= first_default) {
      Value made = eval(*signature.defaults[i - first_default]);
      slot(signature.parameters[i]->ref) = std::move(made);
    } else {
      value = runtime_.heap.undefined("parameter " + repr_of_name(signature.parameters[i]->name) +
                                      " was not provided");
      value.as<Undefined>().name = runtime_.string(signature.parameters[i]->name);
    }
  }
  Capture capture(*this);
  run(body);
  return capture.value();
}

}  // namespace fabula::text::jinja
