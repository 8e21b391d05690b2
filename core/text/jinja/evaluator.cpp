// Expressions.
#include "core/text/jinja/failure.h"
#include "core/text/jinja/interpreter.h"
#include "core/text/jinja/markup.h"
#include "core/text/jinja/number.h"
#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

Value Interpreter::eval(const Expr& expr) {
  runtime_.step();
  if (expr.kind == ExprKind::name) return name(static_cast<const Name&>(expr));
  if (expr.kind == ExprKind::constant) return constant(static_cast<const Constant&>(expr));
  const Runtime::Level level(runtime_);
  switch (expr.kind) {
    case ExprKind::list:
    case ExprKind::tuple: return sequence(static_cast<const ListExpr&>(expr));
    case ExprKind::dict: return dict(static_cast<const DictExpr&>(expr));
    case ExprKind::attribute: {
      const auto& node = static_cast<const Attribute&>(expr);
      return get_attribute(runtime_, eval(*node.object), node.name);
    }
    case ExprKind::item: return item(static_cast<const Item&>(expr));
    case ExprKind::call: return call(static_cast<const Call&>(expr));
    case ExprKind::filter: return filter(static_cast<const NamedCall&>(expr));
    case ExprKind::test: return Value::of(test(static_cast<const NamedCall&>(expr)));
    case ExprKind::binary: {
      const auto& node = static_cast<const BinaryExpr&>(expr);
      const Value left = eval(*node.left);
      return binary(runtime_, node.operation, left, eval(*node.right));
    }
    case ExprKind::negative: return negative(runtime_, eval(*static_cast<const UnaryExpr&>(expr).operand));
    case ExprKind::positive: return positive(runtime_, eval(*static_cast<const UnaryExpr&>(expr).operand));
    case ExprKind::negation: return Value::of(!truth(eval(*static_cast<const UnaryExpr&>(expr).operand)));
    case ExprKind::both:
    case ExprKind::either: {
      const auto& node = static_cast<const ListExpr&>(expr);
      Value left = eval(*node.items[0]);
      return truth(left) == (expr.kind == ExprKind::either) ? left : eval(*node.items[1]);
    }
    case ExprKind::compare: return Value::of(compare(static_cast<const Compare&>(expr)));
    case ExprKind::concat: return concat(static_cast<const ListExpr&>(expr));
    case ExprKind::conditional: return conditional(static_cast<const Conditional&>(expr));
    default: fail("TemplateRuntimeError", "a slice stands outside of brackets");
  }
}

Value Interpreter::constant(const Constant& node) {
  switch (node.type) {
    case Constant::Type::none: return Value::none();
    case Constant::Type::boolean: return Value::of(node.boolean);
    case Constant::Type::real: return Value::of(node.real);
    default: break;
  }
  Value& cached = constants_[static_cast<size_t>(node.index)];
  if (cached.is(Kind::missing))
    cached = node.type == Constant::Type::string
                 ? runtime_.string(node.text)
                 : parse_int(runtime_, node.text, 0).value_or(Value::of(int64_t{0}));
  return cached;
}

Value Interpreter::name(const Name& node) {
  const Value& value = slot(node.ref);
  if (!value.is(Kind::missing)) return value;
  Value undefined = runtime_.heap.make<Undefined>(Kind::undefined);
  undefined.as<Undefined>().name = runtime_.string(node.name);
  return undefined;
}

Value Interpreter::sequence(const ListExpr& node) {
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const ExprPtr& item : node.items) items.push_back(eval(*item));
  return node.kind == ExprKind::list ? runtime_.heap.list(std::move(items))
                                     : runtime_.heap.tuple(std::move(items));
}

Value Interpreter::dict(const DictExpr& node) {
  Value value = runtime_.heap.dict();
  for (const auto& [key_expr, value_expr] : node.items) {
    Value key = eval(*key_expr);
    value.as<Dict>().set(std::move(key), eval(*value_expr));
  }
  return value;
}

Value Interpreter::slice_part(const ExprPtr& part) {
  return part ? eval(*part) : Value{};
}

Value Interpreter::item(const Item& node) {
  const Value object = eval(*node.object);
  if (node.key->kind != ExprKind::slice) return get_item(runtime_, object, eval(*node.key));
  const auto& slice = static_cast<const SliceExpr&>(*node.key);
  const Value start = slice_part(slice.start), stop = slice_part(slice.stop);
  return get_slice(runtime_, object, start, stop, slice_part(slice.step));
}

void Interpreter::evaluate(const CallArguments& source, Arguments& arguments) {
  arguments.positional.reserve(arguments.positional.size() + source.positional.size());
  for (const ExprPtr& e : source.positional) arguments.positional.push_back(eval(*e));
  if (source.more_positional) {
    const Value more = eval(*source.more_positional);
    if (!is_iterable(more))
      type_error("Value after * must be an iterable, not " + std::string(type_name(more)));
    for (Value& value : collect(runtime_, more)) arguments.positional.push_back(std::move(value));
  }
  for (const auto& [key, e] : source.keyword) arguments.keyword.emplace_back(key, eval(*e));
  if (!source.more_keyword) return;
  const Value more = eval(*source.more_keyword);
  if (more.is(Kind::undefined)) raise_undefined(more);
  if (!more.is(Kind::dict))
    type_error("jinja2.sandbox.SandboxedEnvironment.call() argument after ** must be a mapping, not " +
               std::string(type_name(more)));
  for (const auto& [key, value] : more.as<Dict>().entries) {
    if (!key.is(Kind::string)) type_error("keywords must be strings");
    for (const auto& [other, unused] : arguments.keyword)
      if (other == view_of(key)) type_error("got multiple values for keyword argument '" + other + "'");
    arguments.keyword.emplace_back(std::string(view_of(key)), value);
  }
}

Value Interpreter::call(const Call& node, const Value* caller) {
  Arguments arguments;
  const auto complete = [&] {
    evaluate(node.arguments, arguments);
    if (caller) arguments.keyword.emplace_back("caller", *caller);
  };
  if (node.callee->kind == ExprKind::attribute) {  // a method's call needs no bound method as a value
    const auto& attribute = static_cast<const Attribute&>(*node.callee);
    const Value object = eval(*attribute.object);
    const bool plain = !object.is(Kind::instance) && !object.is(Kind::undefined);
    if (const Builtin* method = plain ? find_method(object, attribute.name) : nullptr) {
      complete();
      return call_builtin(runtime_, *method, object, arguments);
    }
    const Value callee = get_attribute(runtime_, object, attribute.name);
    complete();
    return call_value(callee, arguments);
  }
  const Value callee = eval(*node.callee);
  complete();
  return call_value(callee, arguments);
}

Value Interpreter::call_value(const Value& callee, Arguments& arguments) {
  if (callee.is(Kind::undefined)) raise_undefined(callee);
  if (!callee.is(Kind::instance))
    type_error("'" + std::string(type_name(callee)) + "' object is not callable");
  return callee.as<Instance>().call(runtime_, arguments);
}

Value Interpreter::filter(const NamedCall& node, const Value* body) {
  Arguments arguments;
  if (node.object)
    // The body of a block stands at the innermost end of its chain of filters.
    arguments.positional.push_back(body && node.object->kind == ExprKind::filter
                                       ? filter(static_cast<const NamedCall&>(*node.object), body)
                                       : eval(*node.object));
  else
    arguments.positional.push_back(body ? *body : Value{});
  evaluate(node.arguments, arguments);
  if (!node.builtin) fail("TemplateRuntimeError", "No filter named " + repr_of_name(node.name) + " found.");
  return call_builtin(runtime_, *node.builtin, {}, arguments);
}

bool Interpreter::test(const NamedCall& node) {
  Arguments arguments;
  arguments.positional.push_back(eval(*node.object));
  evaluate(node.arguments, arguments);
  if (!node.builtin) fail("TemplateRuntimeError", "No test named " + repr_of_name(node.name) + " found.");
  return truth(call_builtin(runtime_, *node.builtin, {}, arguments));
}

bool Interpreter::compare(const Compare& node) {
  Value left = eval(*node.first);
  for (const auto& [how, operand] : node.rest) {
    Value right = eval(*operand);
    bool holds = false;
    switch (how) {
      case Comparison::equal: holds = equal(left, right); break;
      case Comparison::not_equal: holds = !equal(left, right); break;
      case Comparison::less: holds = ordered(runtime_, left, Order::less, right); break;
      case Comparison::less_equal: holds = ordered(runtime_, left, Order::less_equal, right); break;
      case Comparison::greater: holds = ordered(runtime_, left, Order::greater, right); break;
      case Comparison::greater_equal: holds = ordered(runtime_, left, Order::greater_equal, right); break;
      case Comparison::in: holds = contains(runtime_, right, left); break;
      case Comparison::not_in: holds = !contains(runtime_, right, left); break;
    }
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::conditional(const Conditional& node) {
  if (truth(eval(*node.condition))) return eval(*node.yes);
  if (node.no) return eval(*node.no);
  return runtime_.heap.undefined("the inline if-expression on line " + std::to_string(node.line) +
                                 " evaluated to false and no else section was defined.");
}

Value Interpreter::concat(const ListExpr& node) {
  std::vector<Value> parts;
  parts.reserve(node.items.size());
  const bool markup = runtime_.autoescape;
  for (const ExprPtr& item : node.items) parts.push_back(eval(*item));
  TextBuilder out(runtime_);
  for (const Value& part : parts)
    if (markup)
      out.append(escaped(runtime_, part));
    else
      append_str(out, part);
  return out.value(markup);
}

}  // namespace fabula::text::jinja
