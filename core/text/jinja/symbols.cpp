#include "core/text/jinja/symbols.h"

#include <map>
#include <set>

#include "core/text/jinja/builtin.h"
#include "core/text/jinja/failure.h"
#include "core/text/jinja/parser.h"
#include "core/text/jinja/walk.h"

namespace fabula::text::jinja {

namespace {

struct Scope {  // of one function: a list of slots
  Function& function;
  int level;
};

// The names of one frame.
class Symbols {
 public:
  Symbols(Scope& scope, Symbols* parent) : scope_(scope), parent_(parent) {}

  struct Ref {
    int level = 0, slot = -1;
  };

  std::optional<Ref> find(const std::string& name) const {
    for (const Symbols* symbols = this; symbols; symbols = symbols->parent_) {
      const auto found = symbols->refs_.find(name);
      if (found != symbols->refs_.end()) return Ref{symbols->scope_.level, found->second};
    }
    return std::nullopt;
  }

  void load(const std::string& name) {
    if (!find(name)) define(name, {.how = Load::How::resolve, .name = name});
  }

  void store(const std::string& name) {
    if (stores_.insert(name).second) stored_in_order_.push_back(name);
    if (refs_.count(name)) return;
    define(name, inherited(name, {.how = Load::How::undefined}));
  }

  int declare_parameter(const std::string& name) {
    stores_.insert(name);
    const auto found = refs_.find(name);
    if (found == refs_.end()) return define(name, {.how = Load::How::parameter});
    loads_[found->second] = {.how = Load::How::parameter, .slot = found->second};
    return found->second;
  }

  // A name that only some branches of an `if` store keeps its outer value in the others.
  size_t branch_begin() const { return stored_in_order_.size(); }
  void branch_end(size_t begin) {
    for (size_t i = begin; i < stored_in_order_.size(); ++i) {
      const std::string& name = stored_in_order_[i];
      const int slot = refs_.at(name);
      Load load = inherited(name, {.how = Load::How::resolve, .name = name});
      load.slot = slot;
      loads_[slot] = load;
    }
  }

  SlotRef ref(const std::string& name) {
    load(name);
    const Ref found = *find(name);
    return {scope_.level - found.level, found.slot};
  }

  void finish(Frame& frame) const {
    for (const auto& [slot, load] : loads_)
      if (load.how != Load::How::parameter) frame.loads.push_back(load);
  }

  Scope& scope() { return scope_; }

 private:
  int define(const std::string& name, Load load) {
    load.slot = scope_.function.n_slots++;
    refs_[name] = load.slot;
    loads_[load.slot] = load;
    return load.slot;
  }

  Load inherited(const std::string& name, Load otherwise) const {
    const auto outer = parent_ ? parent_->find(name) : std::nullopt;
    if (!outer) return otherwise;
    return {.how = Load::How::alias, .source = {scope_.level - outer->level, outer->slot}};
  }

  Scope& scope_;
  Symbols* parent_;
  std::map<std::string, int> refs_;
  std::map<int, Load> loads_;
  std::set<std::string> stores_;
  std::vector<std::string> stored_in_order_;
};

// First walk over a frame: which names does it store and read itself? (jinja2's FrameSymbolVisitor)
class Collector {
 public:
  explicit Collector(Symbols& symbols) : symbols_(symbols) {}

  void body(const Body& statements) {
    for (const auto& s : statements) statement(*s);
  }
  void read(const ExprPtr& e) {
    if (e) expr(*e);
  }
  void target(Expr& e, bool as_parameter) {
    if (e.kind == ExprKind::name) {
      const std::string& name = static_cast<Name&>(e).name;
      as_parameter ? void(symbols_.declare_parameter(name)) : symbols_.store(name);
    } else if (e.kind == ExprKind::namespace_target) {
      symbols_.load(static_cast<NamespaceTarget&>(e).name);
    } else {
      for_each_child(e, [&](Expr& child) { target(child, as_parameter); });
    }
  }

 private:
  void expr(Expr& e) {
    if (e.kind == ExprKind::name) return symbols_.load(static_cast<Name&>(e).name);
    for_each_child(e, [&](Expr& child) { expr(child); });
  }

  void statement(Statement& s) {
    switch (s.kind) {
      case StatementKind::output:
        for (auto& piece : static_cast<Output&>(s).pieces) read(piece.expression);
        return;
      case StatementKind::assign:
        read(static_cast<Assign&>(s).value);
        return target(*static_cast<Assign&>(s).target, false);
      case StatementKind::assign_block: return target(*static_cast<AssignBlock&>(s).target, false);
      case StatementKind::if_: return if_(static_cast<If&>(s));
      case StatementKind::for_: return read(static_cast<For&>(s).iterable);
      case StatementKind::macro: return symbols_.store(static_cast<MacroStatement&>(s).name);
      case StatementKind::call_block:
        if (static_cast<CallBlock&>(s).call) expr(*static_cast<CallBlock&>(s).call);
        return;
      case StatementKind::filter_block: return read(static_cast<FilterBlock&>(s).filter);
      case StatementKind::with:
        for (auto& value : static_cast<With&>(s).values) read(value);
        return;
      case StatementKind::unavailable:
        for (const std::string& name : static_cast<Unavailable&>(s).names) symbols_.store(name);
        return;
      case StatementKind::block:
      case StatementKind::autoescape:
      case StatementKind::break_:
      case StatementKind::continue_: return;
    }
  }

  void if_(If& node) {
    read(node.branches[0].first);
    const size_t begin = symbols_.branch_begin();
    for (size_t i = 0; i < node.branches.size(); ++i) {
      if (i) read(node.branches[i].first);
      body(node.branches[i].second);
    }
    body(node.otherwise);
    symbols_.branch_end(begin);
  }

  Symbols& symbols_;
};

// Second walk: gives every name its slot and goes into the inner frames.
class Resolver {
 public:
  void root(Template& tree) {
    Scope scope{tree.function, 0};
    Symbols symbols(scope, nullptr);
    Collector(symbols).body(tree.body);
    body(tree.body, symbols, {.top_level = true});
    symbols.finish(tree.function);
  }

 private:
  struct Where {
    bool top_level = false;
    bool soft = false;     // inside a branch: unknown filters and tests fail only when they are reached
    bool in_loop = false;  // `break` and `continue` have something to leave
  };

  void body(Body& statements, Symbols& symbols, Where where) {
    for (auto& s : statements) statement(*s, symbols, where);
  }

  void read(const ExprPtr& e, Symbols& symbols, bool soft) {
    if (e) expr(*e, symbols, soft);
  }

  void expr(Expr& e, Symbols& symbols, bool soft) {
    if (e.kind == ExprKind::name) {
      static_cast<Name&>(e).ref = symbols.ref(static_cast<Name&>(e).name);
      return;
    }
    if (e.kind == ExprKind::namespace_target) {
      static_cast<NamespaceTarget&>(e).ref = symbols.ref(static_cast<NamespaceTarget&>(e).name);
      return;
    }
    if (e.kind == ExprKind::filter || e.kind == ExprKind::test) {
      auto& call = static_cast<NamedCall&>(e);
      const bool filter = e.kind == ExprKind::filter;
      call.builtin = filter ? find_filter(call.name) : find_test(call.name);
      if (!call.builtin && !soft)
        fail("TemplateAssertionError",
             std::string("No ") + (filter ? "filter" : "test") + " named " + repr_of_name(call.name) + ".",
             e.line);
    }
    const bool inner_soft = soft || e.kind == ExprKind::conditional;
    for_each_child(e, [&](Expr& child) { expr(child, symbols, inner_soft); });
  }

  void statement(Statement& s, Symbols& symbols, Where where) {
    switch (s.kind) {
      case StatementKind::output:
        for (auto& piece : static_cast<Output&>(s).pieces) read(piece.expression, symbols, where.soft);
        return;
      case StatementKind::assign: {
        auto& node = static_cast<Assign&>(s);
        node.top_level = where.top_level;
        read(node.target, symbols, where.soft);
        return read(node.value, symbols, where.soft);
      }
      case StatementKind::assign_block: return assign_block(static_cast<AssignBlock&>(s), symbols, where);
      case StatementKind::if_: {
        where.soft = true;
        for (auto& [condition, then] : static_cast<If&>(s).branches) {
          read(condition, symbols, true);
          body(then, symbols, where);
        }
        return body(static_cast<If&>(s).otherwise, symbols, where);
      }
      case StatementKind::for_: return for_(static_cast<For&>(s), symbols, where);
      case StatementKind::macro: {
        auto& node = static_cast<MacroStatement&>(s);
        node.top_level = where.top_level;
        signature(node.signature, node.body, symbols, node.line);
        node.ref = symbols.ref(node.name);
        return;
      }
      case StatementKind::call_block: {
        auto& node = static_cast<CallBlock&>(s);
        signature(node.signature, node.body, symbols, node.line);
        if (node.call) expr(*node.call, symbols, where.soft);
        return;
      }
      case StatementKind::filter_block: {
        auto& node = static_cast<FilterBlock&>(s);
        Symbols inner(symbols.scope(), &symbols);
        Collector collector(inner);
        collector.body(node.body);
        collector.read(node.filter);
        body(node.body, inner, {.in_loop = where.in_loop});
        read(node.filter, inner, false);
        return inner.finish(node.frame);
      }
      case StatementKind::with: return with(static_cast<With&>(s), symbols, where);
      case StatementKind::block: return block(static_cast<Block&>(s), symbols);
      case StatementKind::autoescape: {
        auto& node = static_cast<Autoescape&>(s);
        Symbols inner(symbols.scope(), &symbols);
        Collector collector(inner);
        collector.read(node.enabled);
        collector.body(node.body);
        read(node.enabled, inner, false);
        body(node.body, inner, {.in_loop = where.in_loop});
        return inner.finish(node.frame);
      }
      case StatementKind::unavailable: return;
      case StatementKind::break_:
      case StatementKind::continue_:
        if (!where.in_loop)
          syntax_error(
              s.kind == StatementKind::break_ ? "'break' outside loop" : "'continue' not properly in loop",
              s.line);
        return;
    }
  }

  void assign_block(AssignBlock& node, Symbols& symbols, Where where) {
    node.top_level = where.top_level;
    Symbols inner(symbols.scope(), &symbols);
    Collector(inner).body(node.body);
    body(node.body, inner, {.in_loop = where.in_loop});
    read(node.filter, inner, false);
    read(node.target, symbols, where.soft);
    inner.finish(node.frame);
  }

  void with(With& node, Symbols& symbols, Where where) {
    Symbols inner(symbols.scope(), &symbols);
    Collector collector(inner);
    for (auto& target : node.targets) collector.target(*target, true);
    collector.body(node.body);
    for (auto& target : node.targets) read(target, inner, false);
    for (auto& value : node.values) read(value, symbols, where.soft);
    body(node.body, inner, {.in_loop = where.in_loop});
    inner.finish(node.frame);
  }

  void block(Block& node, Symbols& symbols) {
    if (node.scoped) {
      Symbols inner(symbols.scope(), &symbols);
      Collector(inner).body(node.body);
      body(node.body, inner, {});
      return inner.finish(node.frame);
    }
    Scope scope{node.function, 0};
    Symbols inner(scope, nullptr);
    Collector(inner).body(node.body);
    body(node.body, inner, {});
    inner.finish(node.function);
  }

  void for_(For& node, Symbols& symbols, Where where) {
    if (stores_name(node, "loop"))
      fail("TemplateAssertionError", "Can't assign to special loop variable in for-loop target", node.line);
    read(node.iterable, symbols, where.soft);
    Scope own{node.function, symbols.scope().level + 1};
    Scope& scope = node.recursive ? own : symbols.scope();

    Symbols test(scope, &symbols);
    if (node.test) {
      Collector collector(test);
      collector.target(*node.test_target, true);
      collector.read(node.test);
      read(node.test_target, test, false);
      read(node.test, test, false);
      test.finish(node.test_frame);
    }

    Symbols loop(scope, &symbols);
    if (node.recursive || reads_special_name(node.body, "loop"))
      node.loop = {0, loop.declare_parameter("loop")};
    Collector collector(loop);
    collector.target(*node.target, true);
    collector.body(node.body);
    read(node.target, loop, false);
    body(node.body, loop, {.in_loop = true});
    loop.finish(node.frame);

    Symbols otherwise(scope, &symbols);
    Collector(otherwise).body(node.otherwise);
    body(node.otherwise, otherwise, {.in_loop = where.in_loop && !node.recursive});
    otherwise.finish(node.else_frame);
  }

  void signature(Signature& signature, Body& statements, Symbols& symbols, int line) {
    Scope scope{signature.function, symbols.scope().level + 1};
    Symbols inner(scope, &symbols);
    Collector collector(inner);
    for (size_t i = 0; i < signature.parameters.size(); ++i) {
      Name& parameter = *signature.parameters[i];
      parameter.ref = {0, inner.declare_parameter(parameter.name)};
      if (parameter.name != "caller") continue;
      signature.explicit_caller = true;
      if (signature.parameters.size() - i > signature.defaults.size() &&
          reads_special_name(statements, "caller"))
        fail("TemplateAssertionError",
             "When defining macros or call blocks the special \"caller\" argument must be omitted or be "
             "given a default.",
             line);
    }
    for (auto& value : signature.defaults) collector.read(value);
    collector.body(statements);
    const auto special = [&](const std::string& name) {
      for (const auto& parameter : signature.parameters)
        if (parameter->name == name) return -1;
      return reads_special_name(statements, name) ? inner.declare_parameter(name) : -1;
    };
    signature.caller = special("caller");
    signature.kwargs = special("kwargs");
    signature.varargs = special("varargs");
    for (auto& value : signature.defaults) read(value, inner, false);
    body(statements, inner, {});
    inner.finish(signature.function);
  }
};

}  // namespace

void resolve(Template& tree) {
  Resolver().root(tree);
}

}  // namespace fabula::text::jinja
