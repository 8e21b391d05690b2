#include "core/text/template_variables.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/base/utf8.h"
#include "core/text/jinja/number.h"

namespace fabula::text {

namespace {

using jinja::Origin;
using jinja::Value;

constexpr Origin kFromVariable = -1;

// The speakers that every template knows are words of the program, not of its user: some templates make
// special tokens of them ('<|' + role + '|>').
constexpr std::array<std::string_view, 8> kRoles = {"system",    "user",     "assistant", "tool",
                                                    "developer", "function", "ipython",   "model"};

class Converter {
 public:
  explicit Converter(jinja::Runtime& runtime) : runtime_(runtime) {}

  Value top(const OrderedJson& variables) {
    if (!variables.is_object()) jinja::type_error("the variables of a template must be an object");
    Value dict = runtime_.heap.dict();
    for (const auto& [name, value] : variables.items()) {
      Value converted;
      if (name == "messages" && value.is_array())
        converted = messages(value);
      else  // bos_token, eos_token and their like are the tokenizer's own words
        converted = any(value, name.ends_with("_token") ? jinja::kFromTemplate : kFromVariable);
      dict.as<jinja::Dict>().set(string(name, kFromVariable), std::move(converted));
    }
    return dict;
  }

 private:
  Value string(const std::string& text, Origin origin) {
    runtime_.heap.allow_input(2 * text.size() + 256);
    return runtime_.heap.string(is_valid_utf8(text) ? text : replace_invalid_utf8(text), origin);
  }

  Value messages(const OrderedJson& list) {
    std::vector<Value> items;
    for (size_t i = 0; i < list.size(); ++i) {
      const Origin origin = static_cast<Origin>(i);
      items.push_back(list[i].is_object() ? message(list[i], origin) : any(list[i], origin));
    }
    return list_of(std::move(items));
  }

  Value message(const OrderedJson& message, Origin origin) {
    Value dict = runtime_.heap.dict();
    for (const auto& [name, value] : message.items()) {
      const bool known_role =
          name == "role" && value.is_string() &&
          std::find(kRoles.begin(), kRoles.end(), value.get_ref<const std::string&>()) != kRoles.end();
      set(dict, name, origin, any(value, known_role ? jinja::kFromTemplate : origin));
    }
    return dict;
  }

  Value any(const OrderedJson& json, Origin origin) {
    const jinja::Runtime::Level level(runtime_);
    switch (json.type()) {
      case OrderedJson::value_t::boolean: return Value::of(json.get<bool>());
      case OrderedJson::value_t::number_integer: return Value::of(json.get<int64_t>());
      case OrderedJson::value_t::number_unsigned:
        return jinja::int_from_digits(runtime_, std::to_string(json.get<uint64_t>()), 10);
      case OrderedJson::value_t::number_float: return Value::of(json.get<double>());
      case OrderedJson::value_t::string: return string(json.get_ref<const std::string&>(), origin);
      case OrderedJson::value_t::array: {
        std::vector<Value> items;
        for (const auto& item : json) items.push_back(any(item, origin));
        return list_of(std::move(items));
      }
      case OrderedJson::value_t::object: {
        Value dict = runtime_.heap.dict();
        for (const auto& [name, value] : json.items()) set(dict, name, origin, any(value, origin));
        return dict;
      }
      default: return Value::none();
    }
  }

  void set(Value& dict, const std::string& name, Origin origin, Value value) {
    runtime_.heap.allow_input(256);
    dict.as<jinja::Dict>().set(string(name, origin), std::move(value));
  }

  Value list_of(std::vector<Value> items) {
    runtime_.heap.allow_input(items.size() * sizeof(Value) * 2 + 256);
    return runtime_.heap.list(std::move(items));
  }

  jinja::Runtime& runtime_;
};

}  // namespace

Value template_variables(jinja::Runtime& runtime, const OrderedJson& variables) {
  return Converter(runtime).top(variables);
}

}  // namespace fabula::text
