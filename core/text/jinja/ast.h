// The template as a tree. Names carry the slot that the resolver (symbols.h) found for them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/jinja/operators.h"

namespace fabula::text::jinja {

struct Builtin;

// Where a name's value lives: `hops` functions outwards, then a slot of that function's activation.
struct SlotRef {
  int hops = 0;
  int slot = -1;
};

enum class ExprKind : uint8_t {
  constant,
  text,
  name,
  list,
  tuple,
  dict,
  attribute,
  item,
  slice,
  call,
  filter,
  test,
  binary,
  negative,
  positive,
  negation,
  both,
  either,
  compare,
  concat,
  conditional,
  namespace_target,
};

struct Expr {
  explicit Expr(ExprKind k) : kind(k) {}
  virtual ~Expr() = default;
  ExprKind kind;
  int line = 0;
  int height = 1;  // of the tree below; bounded, so that walking it is
};
using ExprPtr = std::unique_ptr<Expr>;

struct Constant : Expr {
  Constant() : Expr(ExprKind::constant) {}
  enum class Type : uint8_t { none, boolean, integer, real, string } type = Type::none;
  bool boolean = false;
  double real = 0;
  std::string text;  // of strings; of integers: digits with prefix
  int index = -1;    // in the render's cache of constants
};

struct Name : Expr {
  Name() : Expr(ExprKind::name) {}
  std::string name;
  SlotRef ref;
};

struct NamespaceTarget : Expr {  // {% set ns.x = .. %}
  NamespaceTarget() : Expr(ExprKind::namespace_target) {}
  std::string name, attribute;
  SlotRef ref;
};

struct ListExpr : Expr {  // list and tuple; the two operands of `and` and `or`; the parts of `~`
  explicit ListExpr(ExprKind k) : Expr(k) {}
  std::vector<ExprPtr> items;
};

struct DictExpr : Expr {
  DictExpr() : Expr(ExprKind::dict) {}
  std::vector<std::pair<ExprPtr, ExprPtr>> items;
};

struct Attribute : Expr {
  Attribute() : Expr(ExprKind::attribute) {}
  ExprPtr object;
  std::string name;
};

struct SliceExpr : Expr {
  SliceExpr() : Expr(ExprKind::slice) {}
  ExprPtr start, stop, step;  // each may be absent
};

struct Item : Expr {
  Item() : Expr(ExprKind::item) {}
  ExprPtr object, key;
};

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> keyword;
  ExprPtr more_positional, more_keyword;  // *x, **x
};

struct Call : Expr {
  Call() : Expr(ExprKind::call) {}
  ExprPtr callee;
  CallArguments arguments;
};

struct NamedCall : Expr {  // filter and test
  explicit NamedCall(ExprKind k) : Expr(k) {}
  ExprPtr object;  // absent: the body of the block that the filter stands at
  std::string name;
  CallArguments arguments;
  const Builtin* builtin = nullptr;
};

struct BinaryExpr : Expr {
  BinaryExpr() : Expr(ExprKind::binary) {}
  Binary operation = Binary::add;
  ExprPtr left, right;
};

struct UnaryExpr : Expr {  // negative, positive, negation
  explicit UnaryExpr(ExprKind k) : Expr(k) {}
  ExprPtr operand;
};

enum class Comparison : uint8_t { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };

struct Compare : Expr {
  Compare() : Expr(ExprKind::compare) {}
  ExprPtr first;
  std::vector<std::pair<Comparison, ExprPtr>> rest;
};

struct Conditional : Expr {
  Conditional() : Expr(ExprKind::conditional) {}
  ExprPtr condition, yes, no;  // `no` may be absent
};

// ---- statements

enum class StatementKind : uint8_t {
  output,
  assign,
  assign_block,
  if_,
  for_,
  macro,
  call_block,
  filter_block,
  with,
  block,
  autoescape,
  unavailable,
  break_,
  continue_,
};

struct Statement {
  explicit Statement(StatementKind k) : kind(k) {}
  virtual ~Statement() = default;
  StatementKind kind;
  int line = 0;
};
using Body = std::vector<std::unique_ptr<Statement>>;

// How a frame's names get their first values when it is entered.
struct Load {
  enum class How : uint8_t { resolve, alias, undefined, parameter } how = How::undefined;
  int slot = -1;
  SlotRef source;    // alias
  std::string name;  // resolve
};
struct Frame {
  std::vector<Load> loads;
};

// A frame with an activation of its own: the template, a macro, a call block, a recursive loop, a block.
struct Function : Frame {
  int n_slots = 0;
};

struct Output : Statement {
  Output() : Statement(StatementKind::output) {}
  // Template text where `expression` is absent.
  struct Piece {
    std::string text;
    ExprPtr expression;
  };
  std::vector<Piece> pieces;
};

struct Assign : Statement {
  Assign() : Statement(StatementKind::assign) {}
  ExprPtr target, value;
  bool top_level = false;
};

struct AssignBlock : Statement {
  AssignBlock() : Statement(StatementKind::assign_block) {}
  ExprPtr target, filter;  // filter may be absent
  Body body;
  Frame frame;
  bool top_level = false;
};

struct If : Statement {
  If() : Statement(StatementKind::if_) {}
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};

struct For : Statement {
  For() : Statement(StatementKind::for_) {}
  ExprPtr target, test_target, iterable, test;  // test may be absent
  Body body, otherwise;
  bool recursive = false;
  bool has_else = false;
  SlotRef loop;  // slot -1: the body never asks for `loop`
  Frame frame, test_frame, else_frame;
  Function function;  // of a recursive loop
};

struct Signature {
  std::vector<std::unique_ptr<Name>> parameters;
  std::vector<ExprPtr> defaults;               // of the last parameters
  int caller = -1, kwargs = -1, varargs = -1;  // slots; -1: the body never asks for it
  bool explicit_caller = false;
  Function function;
};

struct MacroStatement : Statement {
  MacroStatement() : Statement(StatementKind::macro) {}
  std::string name;
  Signature signature;
  Body body;
  SlotRef ref;
  bool top_level = false;
};

struct CallBlock : Statement {
  CallBlock() : Statement(StatementKind::call_block) {}
  Signature signature;
  std::unique_ptr<Call> call;  // absent: {% generation %}, which writes its body
  Body body;
};

struct FilterBlock : Statement {
  FilterBlock() : Statement(StatementKind::filter_block) {}
  ExprPtr filter;
  Body body;
  Frame frame;
};

struct With : Statement {
  With() : Statement(StatementKind::with) {}
  std::vector<ExprPtr> targets, values;
  Body body;
  Frame frame;
};

struct Block : Statement {
  Block() : Statement(StatementKind::block) {}
  std::string name;
  bool scoped = false;
  Body body;
  Function function;  // not scoped: it sees the template's variables only
  Frame frame;        // scoped
};

struct Autoescape : Statement {
  Autoescape() : Statement(StatementKind::autoescape) {}
  ExprPtr enabled;
  Body body;
  Frame frame;
};

struct Unavailable : Statement {  // include, import, extends: there are no other templates
  Unavailable() : Statement(StatementKind::unavailable) {}
  std::vector<std::string> names;  // what an import would have set
};

struct LoopControl : Statement {
  explicit LoopControl(StatementKind k) : Statement(k) {}
};

struct Template {
  Body body;
  Function function;
  int n_constants = 0;
};

}  // namespace fabula::text::jinja
