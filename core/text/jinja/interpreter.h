// Walks a resolved template. One interpreter renders once.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/text/jinja/ast.h"
#include "core/text/jinja/builtin.h"
#include "core/text/jinja/runtime.h"

namespace fabula::text::jinja {

// The slots of one call of a function; kept alive by the macros that were made in it.
struct Activation : Object {
  Activation(size_t n, Value outer) : slots(n), parent(std::move(outer)) {}
  void drop() noexcept override { slots.clear(), parent = {}; }
  std::vector<Value> slots;
  Value parent;  // the activation in whose text the function stands; missing at the top
};

class Interpreter {
 public:
  Interpreter(const Template& tree, Runtime& runtime, Value variables);
  Text render();

  // What loops and macros need; defined beside them.
  Value call_macro(const Signature& signature, const Body& body, std::string_view name, const Value& closure,
                   Arguments& arguments);
  Value run_recursive(const For& node, const Value& iterable, int64_t depth, const Value& closure);
  bool passes(const For& node, const Value& activation, const Value& item);

 private:
  enum class Flow : uint8_t { normal, break_, continue_ };

  // Writes go to another text while this lives.
  class Capture {
   public:
    explicit Capture(Interpreter& interpreter)
        : interpreter_(interpreter), text_(interpreter.runtime_), outer_(interpreter.out_) {
      interpreter.out_ = &text_;
    }
    ~Capture() { interpreter_.out_ = outer_; }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    Value value() { return text_.value(interpreter_.runtime_.autoescape); }

   private:
    Interpreter& interpreter_;
    TextBuilder text_;
    TextBuilder* outer_;
  };

  // Names mean the slots of another activation while this lives.
  class Enter {
   public:
    Enter(Interpreter& interpreter, Value activation)
        : interpreter_(interpreter), outer_(std::move(interpreter.activation_)) {
      interpreter.activation_ = std::move(activation);
    }
    ~Enter() { interpreter_.activation_ = std::move(outer_); }
    Enter(const Enter&) = delete;
    Enter& operator=(const Enter&) = delete;

   private:
    Interpreter& interpreter_;
    Value outer_;
  };

  Value& slot(const SlotRef& ref) {
    Activation* activation = &activation_.as<Activation>();
    for (int i = 0; i < ref.hops; ++i) activation = &activation->parent.as<Activation>();
    return activation->slots[static_cast<size_t>(ref.slot)];
  }
  Value new_activation(const Function& function, Value parent);
  void enter_frame(const Frame& frame);
  void leave_frame(const Frame& frame);
  Value resolve_or_missing(const std::string& name);

  Flow run(const Body& body);
  Flow run(const Statement& statement);
  void output(const Output& node);
  void write_text(const Value& value);  // of a block: jinja2 joins these without str()
  void assign_statement(const Assign& node);
  void export_names(const Expr& target);
  void check_namespaces(const Expr& target);
  void assign(const Expr& target, Value value);
  void unpack(const ListExpr& target, const Value& value);
  Flow captured(const Frame& frame, const Body& body, Value& value);
  Flow assign_block(const AssignBlock& node);
  Flow run_if(const If& node);
  Flow run_for(const For& node);
  Flow run_loop(const For& node, const Value& iterable, int64_t depth, const Value& closure);
  void define_macro(const MacroStatement& node);
  void call_block(const CallBlock& node);
  Flow filter_block(const FilterBlock& node);
  Flow with(const With& node);
  Flow block(const Block& node);
  Flow autoescape(const Autoescape& node);

  Value eval(const Expr& expr);
  Value constant(const Constant& node);
  Value name(const Name& node);
  Value sequence(const ListExpr& node);
  Value dict(const DictExpr& node);
  Value item(const Item& node);
  Value slice_part(const ExprPtr& part);
  Value call(const Call& node, const Value* caller = nullptr);
  Value call_value(const Value& callee, Arguments& arguments);
  Value filter(const NamedCall& node, const Value* body = nullptr);
  bool test(const NamedCall& node);
  bool compare(const Compare& node);
  Value conditional(const Conditional& node);
  Value concat(const ListExpr& node);
  void evaluate(const CallArguments& source, Arguments& arguments);

  const Template& tree_;
  Runtime& runtime_;
  Value variables_;  // the dict of the render's variables
  Value activation_;
  TextBuilder root_;
  TextBuilder* out_;
  std::vector<Value> constants_;
  std::unordered_map<std::string, Value> exported_;  // what the template set at its top level: blocks see it
};

}  // namespace fabula::text::jinja
