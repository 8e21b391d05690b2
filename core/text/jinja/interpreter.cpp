// Statements.
#include "core/text/jinja/interpreter.h"

#include "core/text/jinja/failure.h"
#include "core/text/jinja/instances.h"
#include "core/text/jinja/markup.h"
#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

Interpreter::Interpreter(const Template& tree, Runtime& runtime, Value variables)
    : tree_(tree),
      runtime_(runtime),
      variables_(std::move(variables)),
      root_(runtime),
      out_(&root_),
      constants_(static_cast<size_t>(tree.n_constants)) {}

Text Interpreter::render() {
  activation_ = new_activation(tree_.function, {});
  enter_frame(tree_.function);
  run(tree_.body);
  return root_.take();
}

Value Interpreter::new_activation(const Function& function, Value parent) {
  const size_t n = static_cast<size_t>(function.n_slots);
  Value activation = runtime_.heap.make<Activation>(Kind::instance, n, std::move(parent));
  runtime_.heap.grow(*activation.object(), n * sizeof(Value));
  return activation;
}

void Interpreter::enter_frame(const Frame& frame) {
  auto& slots = activation_.as<Activation>().slots;
  for (const Load& load : frame.loads) {
    Value& target = slots[static_cast<size_t>(load.slot)];
    switch (load.how) {
      case Load::How::resolve: target = resolve_or_missing(load.name); break;
      case Load::How::alias: target = slot(load.source); break;
      default: target = {};
    }
  }
}

void Interpreter::leave_frame(const Frame& frame) {
  auto& slots = activation_.as<Activation>().slots;
  for (const Load& load : frame.loads) slots[static_cast<size_t>(load.slot)] = {};
}

Value Interpreter::resolve_or_missing(const std::string& name) {
  const auto found = exported_.find(name);
  if (found != exported_.end()) return found->second;
  if (const Value* variable = variables_.as<Dict>().find_or_null(std::string_view(name))) return *variable;
  return global_or_missing(runtime_, name);
}

Interpreter::Flow Interpreter::run(const Body& body) {
  for (const auto& statement : body)
    if (const Flow flow = run(*statement); flow != Flow::normal) return flow;
  return Flow::normal;
}

Interpreter::Flow Interpreter::run(const Statement& statement) {
  const Runtime::Level level(runtime_);
  runtime_.step();
  switch (statement.kind) {
    case StatementKind::output: output(static_cast<const Output&>(statement)); return Flow::normal;
    case StatementKind::assign: assign_statement(static_cast<const Assign&>(statement)); return Flow::normal;
    case StatementKind::assign_block: return assign_block(static_cast<const AssignBlock&>(statement));
    case StatementKind::if_: return run_if(static_cast<const If&>(statement));
    case StatementKind::for_: return run_for(static_cast<const For&>(statement));
    case StatementKind::macro:
      define_macro(static_cast<const MacroStatement&>(statement));
      return Flow::normal;
    case StatementKind::call_block: call_block(static_cast<const CallBlock&>(statement)); return Flow::normal;
    case StatementKind::filter_block: return filter_block(static_cast<const FilterBlock&>(statement));
    case StatementKind::with: return with(static_cast<const With&>(statement));
    case StatementKind::block: return block(static_cast<const Block&>(statement));
    case StatementKind::autoescape: return autoescape(static_cast<const Autoescape&>(statement));
    case StatementKind::unavailable: type_error("no loader for this environment specified");
    case StatementKind::break_: return Flow::break_;
    case StatementKind::continue_: return Flow::continue_;
  }
  return Flow::normal;
}

void Interpreter::output(const Output& node) {
  for (const Output::Piece& piece : node.pieces) {
    if (!piece.expression) {
      out_->append(piece.text);
      continue;
    }
    const Value value = eval(*piece.expression);
    if (runtime_.autoescape)
      out_->append(escaped(runtime_, value));
    else
      append_str(*out_, value);
  }
}

void Interpreter::write_text(const Value& value) {
  if (!value.is(Kind::string))
    type_error("sequence item 0: expected str instance, " + std::string(type_name(value)) + " found");
  append_str(*out_, value);
}

void Interpreter::assign_statement(const Assign& node) {
  check_namespaces(*node.target);
  assign(*node.target, eval(*node.value));
  if (node.top_level) export_names(*node.target);
}

void Interpreter::export_names(const Expr& target) {
  if (target.kind == ExprKind::name) {
    const auto& name = static_cast<const Name&>(target);
    exported_[name.name] = slot(name.ref);
  } else if (target.kind == ExprKind::tuple) {
    for (const ExprPtr& item : static_cast<const ListExpr&>(target).items) export_names(*item);
  }
}

void Interpreter::check_namespaces(const Expr& target) {
  if (target.kind == ExprKind::namespace_target) {
    if (!find_namespace_or_null(slot(static_cast<const NamespaceTarget&>(target).ref)))
      fail("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
  } else if (target.kind == ExprKind::tuple) {
    for (const ExprPtr& item : static_cast<const ListExpr&>(target).items) check_namespaces(*item);
  }
}

void Interpreter::assign(const Expr& target, Value value) {
  if (target.kind == ExprKind::name) {
    slot(static_cast<const Name&>(target).ref) = std::move(value);
  } else if (target.kind == ExprKind::namespace_target) {
    const auto& node = static_cast<const NamespaceTarget&>(target);
    set_namespace_attribute(runtime_, *find_namespace_or_null(slot(node.ref)), node.attribute,
                            std::move(value));
  } else {
    unpack(static_cast<const ListExpr&>(target), value);
  }
}

void Interpreter::unpack(const ListExpr& target, const Value& value) {
  if (!is_iterable(value))
    type_error("cannot unpack non-iterable " + std::string(type_name(value)) + " object");
  const size_t wanted = target.items.size();
  const Value iterator = iterate(runtime_, value);
  std::vector<Value> items;
  for (Value item; items.size() <= wanted && next(runtime_, iterator, item);)
    items.push_back(std::move(item));
  if (items.size() > wanted)
    value_error("too many values to unpack (expected " + std::to_string(wanted) + ")");
  if (items.size() < wanted)
    value_error("not enough values to unpack (expected " + std::to_string(wanted) + ", got " +
                std::to_string(items.size()) + ")");
  for (size_t i = 0; i < wanted; ++i) assign(*target.items[i], std::move(items[i]));
}

// What a body writes, in a frame that the caller leaves.
Interpreter::Flow Interpreter::captured(const Frame& frame, const Body& body, Value& value) {
  enter_frame(frame);
  Capture capture(*this);
  const Flow flow = run(body);
  if (flow == Flow::normal) value = capture.value();
  return flow;
}

Interpreter::Flow Interpreter::assign_block(const AssignBlock& node) {
  Value value;
  if (const Flow flow = captured(node.frame, node.body, value); flow != Flow::normal) return flow;
  if (node.filter) value = filter(static_cast<const NamedCall&>(*node.filter), &value);
  check_namespaces(*node.target);
  assign(*node.target, std::move(value));
  if (node.top_level) export_names(*node.target);
  leave_frame(node.frame);
  return Flow::normal;
}

Interpreter::Flow Interpreter::run_if(const If& node) {
  for (const auto& [condition, then] : node.branches)
    if (truth(eval(*condition))) return run(then);
  return run(node.otherwise);
}

Interpreter::Flow Interpreter::filter_block(const FilterBlock& node) {
  Value value;
  if (const Flow flow = captured(node.frame, node.body, value); flow != Flow::normal) return flow;
  write_text(filter(static_cast<const NamedCall&>(*node.filter), &value));
  leave_frame(node.frame);
  return Flow::normal;
}

Interpreter::Flow Interpreter::with(const With& node) {
  enter_frame(node.frame);
  for (size_t i = 0; i < node.targets.size(); ++i) assign(*node.targets[i], eval(*node.values[i]));
  const Flow flow = run(node.body);
  leave_frame(node.frame);
  return flow;
}

Interpreter::Flow Interpreter::block(const Block& node) {
  if (node.scoped) {
    enter_frame(node.frame);
    run(node.body);
    leave_frame(node.frame);
    return Flow::normal;
  }
  const Enter enter(*this, new_activation(node.function, {}));
  enter_frame(node.function);
  run(node.body);
  return Flow::normal;
}

Interpreter::Flow Interpreter::autoescape(const Autoescape& node) {
  enter_frame(node.frame);
  const bool before = std::exchange(runtime_.autoescape, truth(eval(*node.enabled)));
  const Flow flow = run(node.body);
  runtime_.autoescape = before;
  leave_frame(node.frame);
  return flow;
}

}  // namespace fabula::text::jinja
